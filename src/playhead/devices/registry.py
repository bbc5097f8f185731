"""Every chip there is, by part: what the contract test goes through. A new chip is tested because it stands here."""

from playhead.devices import registry_io, registry_storage, registry_time

DEVICES = registry_time.LIST + registry_io.LIST + registry_storage.LIST
