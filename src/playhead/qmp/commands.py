"""All of QMP's commands, declared by the modules that carry them out."""

from playhead.qmp import block_commands as block_commands
from playhead.qmp import file_commands as file_commands
from playhead.qmp import input_commands as input_commands
from playhead.qmp import machine_commands as machine_commands
from playhead.qmp import network_commands as network_commands
from playhead.qmp import object_commands as object_commands
from playhead.qmp import refusals as refusals
from playhead.qmp import run_commands as run_commands
from playhead.qmp import screen_commands as screen_commands
from playhead.qmp import snapshot_commands as snapshot_commands
from playhead.qmp import vnc_commands as vnc_commands
from playhead.qmp.declared import COMMANDS as COMMANDS
from playhead.qmp.declared import EVENTS as EVENTS
from playhead.qmp.declared import REFUSED as REFUSED
