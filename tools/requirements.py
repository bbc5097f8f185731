"""What QEMU's record/replay does, requirement by requirement, and what shows that ours does it, or why it differs.

The numbers R1 to R100 are those of the list that this project was started from: QEMU's documents and source, and
experiments with QEMU 7.2.22. `./dev docs` makes docs/reference/requirements.md of it; a test holds that each test that
is named here exists.
"""

from typing import NamedTuple


class Requirement(NamedTuple):
    """`shown`: tests, as `FILE::NAME` below tests/. `differs`: what is otherwise here, and why."""

    number: int
    what: str
    shown: tuple[str, ...] = ()
    differs: str = ""


GROUPS: tuple[tuple[str, tuple[Requirement, ...]], ...] = (
    (
        "Purpose",
        (
            Requirement(
                1,
                "what is not determined in a run is recorded; it replays any number of times, anywhere",
                (
                    "session/test_recording_real.py::test_it_needs_nothing_but_itself",
                    "guest/test_kept_recordings.py::test_replays",
                ),
            ),
            Requirement(
                2,
                "a replay reproduces memory, devices, clocks and the screen",
                (
                    "guest/test_debian.py::test_replay_under_perturbation",
                    "timeline/test_timeline.py::test_random_walks_end_in_the_same_machine",
                ),
                "there is no screen yet; its text memory is RAM",
            ),
            Requirement(
                3,
                "only what is not determined is stored; the rest falls out",
                (
                    "session/test_record_replay.py::test_a_jump_of_a_halted_cpu_is_no_event",
                    "session/test_qemu_log.py::test_interrupts_and_exceptions_fall_out",
                ),
                "what the guest reads of its disks is kept as well, once, so that the recording suffices",
            ),
            Requirement(
                4,
                "inputs: mouse, keyboard, packets, sound, serial port, host clocks, random numbers",
                (
                    "session/test_sources.py::test_the_order_of_what_enters_at_one_moment",
                    "session/test_input.py::test_keys_and_movements_enter_in_order_and_replay",
                ),
                "network and sound are not there yet; no device of the machine takes random numbers",
            ),
            Requirement(
                5,
                "record, replay, and check that the two do not diverge",
                (
                    "session/test_never_silent.py::test_is_told",
                    "session/test_diagnose.py::test_a_wrong_flag_in_one_form_of_instruction",
                ),
            ),
            Requirement(
                6,
                "the command lines of the two differ in rr=record and rr=replay only",
                ("cli/test_seed_lines.py::test_record_and_replay",),
                "a replay needs no other option; those that are given are compared",
            ),
            Requirement(7, "many target processors", (), "i386 only, for now"),
            Requirement(
                8,
                "snapshots for going back quickly",
                (
                    "session/test_trim.py::test_every_checkpoint_is_the_state_of_its_moment",
                    "timeline/test_timeline.py::test_backwards_finds_what_forwards_finds",
                ),
                "they are taken automatically",
            ),
            Requirement(
                9,
                "with `snapshot` a disk image is not changed",
                ("session/test_disks.py::test_a_temporary_overlay_leaves_the_image_alone",),
            ),
            Requirement(
                10,
                "`-net none` where no network is used",
                ("cli/test_options.py::test_a_whole_command_line",),
                "accepted; there is no card to leave out yet",
            ),
            Requirement(
                11,
                "serial ports and sound are recorded wherever they are",
                (
                    "session/test_killed.py::test_typing_at_a_pty_is_recorded",
                    "cli/test_device_options.py::test_they_are_recorded_and_replayed",
                ),
                "no sound yet",
            ),
            Requirement(
                12,
                "clocks, events, deferred work, threads, input, checkpoints, packets, disks, serial ports",
                ("session/test_sources.py::test_a_new_source_is_a_class_and_a_line_in_the_list",),
                "`docs/determinism.md` has ours, each with who closes it and its test",
            ),
        ),
    ),
    (
        "Command line",
        (
            Requirement(
                13,
                "rr without shift= is refused",
                ("cli/test_system_i386.py::test_what_does_not_go_together_is_one_line",),
            ),
            Requirement(
                14,
                "another value of rr is refused",
                ("cli/test_system_i386.py::test_what_does_not_go_together_is_one_line",),
            ),
            Requirement(
                15,
                "rrfile is needed; a file that cannot be opened is said",
                ("cli/test_system_i386.py::test_what_does_not_go_together_is_one_line",),
            ),
            Requirement(
                16,
                "rrsnapshot: made at the start of a recording, loaded at the start of a replay",
                ("cli/test_seed_lines.py::test_a_snapshot_of_the_start_in_an_overlay",),
            ),
            Requirement(17, "shift is 0 to 10", ("cli/test_options.py::test_mistakes",)),
            Requirement(
                18,
                "align=on and sleep=off do not go together",
                ("cli/test_options.py::test_mistakes",),
                "align=on is refused by name",
            ),
            Requirement(
                19,
                "align without shift is refused",
                ("cli/test_options.py::test_mistakes",),
                "align=on is refused by name",
            ),
            Requirement(
                20,
                "the log is opened before devices read clocks",
                ("session/test_record_replay.py::test_a_dropped_clock_read_diverges_there",),
            ),
        ),
    ),
    (
        "Instruction counting",
        (
            Requirement(
                21,
                "an event's moment is counted in instructions",
                ("session/test_qemu_log.py::test_what_came_from_outside_is_in_it_at_its_moment",),
                "ours is a count from the start, not from the event before, and a number between two instructions",
            ),
            Requirement(
                22,
                "a run ends after exactly so many instructions",
                (
                    "session/test_retires_nothing.py::test_the_engines_and_all_splits_agree",
                    "engine/test_random_programs.py::test_random_programs",
                ),
            ),
            Requirement(
                23,
                "a recording runs to the next timer, rounded up",
                ("machine/test_polling.py::test_the_moments_are_those_of_single_steps",),
            ),
            Requirement(
                24,
                "a replay runs to the next event or breakpoint",
                ("session/test_record_replay.py::test_replay_is_the_recording",),
            ),
            Requirement(
                25,
                "at a device access the clock is exact",
                (
                    "machine/test_random_registers.py::test_whoever_answers",
                    "machine/test_polling.py::test_the_moments_are_those_of_single_steps",
                ),
            ),
            Requirement(
                26,
                "devices interrupt only where the count is known",
                ("engine/test_interrupt_window.py::test_window_opens_behind_the_jump",),
            ),
            Requirement(
                27,
                "counts are written before each event",
                ("session/test_qemu_log.py::test_qemus_own_script_reads_it_to_the_last_byte",),
                "only in `playhead log --qemu`: our events carry their moments",
            ),
            Requirement(
                28,
                "a replay counts down to the next event",
                ("session/test_record_replay.py::test_moved_input_diverges_in_the_next_digest",),
            ),
            Requirement(29, "counts have 64 bits", ("log/test_events.py::test_stored_and_read_back",)),
            Requirement(
                30,
                "each repetition of a string instruction counts",
                ("timeline/test_gdb_replay.py::test_a_string_instruction_is_a_step_each_time",),
            ),
        ),
    ),
    (
        "Clocks and timers",
        (
            Requirement(
                31,
                "the realtime clock does not touch the guest",
                ("session/test_record_replay.py::test_sleeping_until_the_alarm_is_no_event_either",),
            ),
            Requirement(
                32,
                "the virtual clock follows the instructions",
                ("hw/test_clock.py::test_what_is_due_rings_by_deadline_and_number",),
            ),
            Requirement(
                33,
                "each read of the host clock is recorded",
                ("session/test_record_replay.py::test_an_extra_clock_read_diverges_there",),
                "a read that the recording does not have is a divergence, not silently the last value",
            ),
            Requirement(
                34,
                "virtual time of a sleeping processor",
                (
                    "session/test_record_replay.py::test_input_wakes_a_sleeping_cpu_early",
                    "session/test_record_replay.py::test_virtual_time_follows_real_time_while_halted",
                ),
                "recorded only where input ended the sleep: other sleeps end at an alarm, which falls out",
            ),
            Requirement(
                35,
                "timers outside of the guest that follow its time",
                (),
                "declared in `replay/clocks.py`; user-mode networking will be the first to use it",
            ),
            Requirement(
                36,
                "timers run behind a checkpoint of their clock",
                ("session/test_qemu_log.py::test_what_came_from_outside_is_in_it_at_its_moment",),
                "alarms ring at boundaries, which are moments",
            ),
            Requirement(37, "clocks are part of a snapshot", ("session/test_live_snapshots.py::test_it_replays",)),
        ),
    ),
    (
        "Replay checkpoints",
        (
            Requirement(
                38,
                "a checkpoint is a mark, not a snapshot",
                ("session/test_queue.py::test_checkpoints_are_where_the_queue_is_emptied",),
            ),
            Requirement(
                39,
                "a replay passes a checkpoint where the recording did",
                ("session/test_queue.py::test_names_are_qemus",),
                "nothing is logged: moments say where",
            ),
            Requirement(
                40,
                "a sleep is charged one to one; two checkpoints around it",
                ("session/test_record_replay.py::test_virtual_time_follows_real_time_while_halted",),
            ),
        ),
    ),
    (
        "Asynchronous events",
        (
            Requirement(
                41,
                "one queue, emptied in front of WARP_ACCOUNT",
                (
                    "session/test_queue.py::test_a_recording_logs_each_event_just_before_it_takes_effect",
                    "session/test_qemu_log.py::test_what_came_from_outside_is_in_it_at_its_moment",
                ),
            ),
            Requirement(
                42, "the logs' two forms of such events", ("log/test_qemu_codec.py::test_each_number_has_its_bytes",)
            ),
            Requirement(
                43,
                "inputs come from the log; completions wait for it",
                (
                    "session/test_queue.py::test_a_replay_takes_inputs_from_the_log_only",
                    "session/test_queue.py::test_a_replay_holds_completions_until_the_log_names_them",
                ),
            ),
            Requirement(
                44,
                "ids: when a bottom half was scheduled; a count of disk requests",
                ("session/test_disks.py::test_any_moment_is_reached_the_same_way",),
            ),
            Requirement(
                45,
                "deferred work that the guest can see goes through the queue",
                (),
                "no device defers work: an alarm at a moment takes its place (`docs/determinism.md`)",
            ),
            Requirement(
                46, "the queue is not emptied from within", ("session/test_queue.py::test_no_event_may_flush",)
            ),
            Requirement(
                47,
                "without record/replay events act at once",
                ("session/test_record_replay.py::test_plain_run_is_the_same_guest",),
                "a plain run has the same moments as a recording",
            ),
            Requirement(
                48,
                "an event ends the run of the processor",
                ("session/test_retires_nothing.py::test_a_kick_gets_through",),
            ),
            Requirement(
                49,
                "of a disk request only its end is logged",
                ("session/test_disks.py::test_hashes_only",),
                "and, once, what was read (left out with --no-embed)",
            ),
        ),
    ),
    (
        "Interrupts, exceptions, shutdown",
        (
            Requirement(
                50,
                "each interrupt is logged",
                (
                    "cli/test_log_trace.py::test_they_are_recorded_and_replayed",
                    "session/test_qemu_log.py::test_interrupts_and_exceptions_fall_out",
                ),
                "they fall out; with --trace-events they are recorded and compared, with vectors",
            ),
            Requirement(
                51,
                "each exception is logged",
                ("cli/test_log_trace.py::test_a_replay_checks_each",),
                "as R50; INT n is an instruction",
            ),
            Requirement(
                52,
                "a request to shut down is logged with its cause",
                ("session/test_record_replay.py::test_ending_it_from_outside_replays",),
            ),
            Requirement(53, "the causes", ("log/test_qemu_logs.py::test_names_are_qemus_in_its_order",)),
            Requirement(
                54,
                "a complete log ends by SHUTDOWN and END; the version is written last",
                (
                    "session/test_qemu_log.py::test_what_came_from_outside_is_in_it_at_its_moment",
                    "session/test_killed.py::test_kill_9_costs_half_a_second_at_most",
                ),
                "ours is valid while it is written",
            ),
        ),
    ),
    (
        "Disks",
        (
            Requirement(
                55,
                "the drives of blkreplay's form",
                ("cli/test_seed_lines.py::test_record_and_replay",),
                "accepted; a drive is recorded with or without it",
            ),
            Requirement(
                56,
                "requests end at recorded moments",
                (
                    "devices/test_piix3_ide.py::test_requests_end_in_any_order",
                    "guest/test_disk.py::test_linux_reads_and_writes",
                ),
                "an error of the host is recorded too (BLOCK_FAILED)",
            ),
            Requirement(
                57,
                "ids of requests count over all disks, and are in snapshots",
                ("machine/test_storage.py::test_a_checkpoint_with_a_request_under_way",),
            ),
            Requirement(
                58,
                "snapshots of the image below",
                ("monitor/test_image_snapshots.py::test_a_snapshot_of_a_disk_at_work",),
            ),
            Requirement(
                59,
                "ends are matched in a replay",
                ("session/test_never_silent.py::test_what_cannot_be_taken_is_named_with_its_moment",),
            ),
        ),
    ),
    (
        "Network",
        tuple(
            Requirement(
                n,
                what,
                ("cli/test_seed_lines.py::test_the_network_part_is_refused_by_name",),
                "refused by name until the network is there",
            )
            for n, what in (
                (60, "a filter for each network"),
                (61, "packets from outside are recorded and injected"),
                (62, "which network, flags, bytes"),
                (63, "a replay has no backend"),
            )
        ),
    ),
    (
        "Character devices",
        (
            Requirement(
                64,
                "the same serial ports in both; backends may differ",
                ("cli/test_recorded_options.py::test_a_difference_is_refused_by_name",),
                "another number is refused by name",
            ),
            Requirement(
                65,
                "ports are numbered in order",
                ("session/test_sources.py::test_ports_are_counted_whatever_their_names_are",),
            ),
            Requirement(
                66,
                "input becomes events, as much as the device takes",
                ("session/test_sources.py::test_a_paste_is_never_lost_and_never_waits",),
            ),
            Requirement(
                67,
                "output: CHAR_WRITE",
                ("session/test_console.py::test_it_is_what_a_replay_prints_and_when",),
                "output changes nothing in the machine, so it is no event; it is indexed and compared instead",
            ),
            Requirement(68, "reads that wait: CHAR_READ_ALL", (), "nothing here waits for a character device"),
            Requirement(
                69, "monitors and gdb are not recorded", ("timeline/test_live.py::test_the_debugger_changes_nothing",)
            ),
            Requirement(70, "backends are not changed at run time", ("monitor/test_live_monitor.py::test_refusals",)),
        ),
    ),
    (
        "Keyboard, mouse, sound, random numbers",
        (
            Requirement(
                71,
                "key, button, relative, absolute; host input is ignored in a replay",
                (
                    "session/test_input.py::test_keys_and_movements_enter_in_order_and_replay",
                    "session/test_input.py::test_what_cannot_be_sent_is_refused_by_name",
                ),
                "absolute motion needs a tablet, and is refused by name",
            ),
            Requirement(
                72, "INPUT_SYNC", ("session/test_input.py::test_keys_and_movements_enter_in_order_and_replay",)
            ),
            Requirement(
                73,
                "sound: AUDIO_OUT, AUDIO_IN",
                (),
                "comes with sound; what is played will fall out, as other output does",
            ),
            Requirement(74, "random numbers: RANDOM", (), "no device of the machine takes any"),
        ),
    ),
    (
        "Snapshots",
        (
            Requirement(
                75,
                "snapshots while recording and in a replay, each of its moment",
                (
                    "session/test_live_snapshots.py::test_it_replays",
                    "timeline/test_monitor_replay.py::test_names_are_kept_in_the_recording",
                ),
            ),
            Requirement(
                76,
                "kept in the overlay, or in an orphan qcow2 image",
                ("cli/test_system_replay.py::test_savevm_goes_into_the_recording_and_an_orphan_image",),
                "and in the recording",
            ),
            Requirement(
                77,
                "the position in the log is part of a snapshot",
                ("session/test_live_snapshots.py::test_seeking_on_both_sides",),
            ),
            Requirement(
                78,
                "no snapshot while events are queued",
                ("timeline/test_live.py::test_a_snapshot_at_a_breakpoint_is_of_the_next_moment",),
                "it is taken at the next moment that a replay arrives at",
            ),
            Requirement(
                79,
                "qemu-img shows a snapshot's icount",
                ("host/block/test_block_snapshots.py::test_icount_is_read_as_qemu_writes_it",),
            ),
            Requirement(
                80,
                "devices restore all of their state, in any order; stop and cont change nothing",
                (
                    "contract/test_devices.py::test_state_is_all_there_is",
                    "timeline/test_live.py::test_standing_takes_no_time",
                ),
            ),
        ),
    ),
    (
        "Reverse debugging and monitor",
        (
            Requirement(81, "reverse-stepi, reverse-continue", ("timeline/test_gdb_replay.py::test_ten_steps_by_gdb",)),
            Requirement(
                82, "ReverseStep+ and ReverseContinue+ in a replay only", ("gdb/test_session.py::test_supported",)
            ),
            Requirement(
                83,
                "bs, bc and their replies",
                (
                    "timeline/test_gdb_replay.py::test_ten_steps_by_packets_on_a_busy_host",
                    "gdb/test_session.py::test_no_way_back",
                ),
            ),
            Requirement(
                84,
                "a snapshot is taken when gdb comes",
                ("timeline/test_gdb_replay.py::test_the_ends",),
                "needless: checkpoints are there already",
            ),
            Requirement(
                85,
                "the nearest snapshot before",
                ("timeline/test_timeline.py::test_random_walks_end_in_the_same_machine",),
            ),
            Requirement(
                86,
                "reverse-continue looks at stretch after stretch",
                ("timeline/test_timeline.py::test_backwards_finds_what_forwards_finds",),
            ),
            Requirement(
                87,
                "one replay breakpoint, at an icount",
                ("timeline/test_control.py::test_a_replay_seeks_and_is_not_changed",),
            ),
            Requirement(
                88,
                "info replay, replay_break, replay_delete_break, replay_seek",
                (
                    "timeline/test_monitor_replay.py::test_where_one_is",
                    "timeline/test_control.py::test_a_replay_seeks_and_is_not_changed",
                ),
            ),
            Requirement(
                89,
                "query-replay, replay-break, replay-delete-break, replay-seek",
                ("qmp/test_protocol.py::test_a_replay",),
            ),
            Requirement(90, "their errors", ("monitor/test_live_monitor.py::test_refusals",)),
            Requirement(
                91,
                "savevm, loadvm, delvm, info snapshots; a paused machine stays paused",
                ("session/test_live_snapshots.py::test_run_keeps_them_in_memory",),
            ),
            Requirement(92, "the mask of single steps", ("gdb/test_session.py::test_answers",)),
            Requirement(93, "physical memory by gdb", ("gdb/test_session.py::test_physical_memory",)),
            Requirement(
                94,
                "acknowledgements, vCont?, the description of registers",
                ("gdb/test_session.py::test_supported",),
                "QStartNoAckMode works",
            ),
            Requirement(
                95,
                "break- and watchpoints; what a watchpoint reports",
                ("timeline/test_gdb_replay.py::test_watchpoints_by_gdb",),
                "backwards, too, it says which was met",
            ),
            Requirement(
                96,
                "memory that is written in a replay",
                ("timeline/test_gdb_replay.py::test_nothing_can_be_changed",),
                "refused, with the reason: it would no longer be the recording",
            ),
            Requirement(
                97,
                "gdb is told of a seek by another",
                ("timeline/test_prompt.py::test_gdb_and_the_prompt_do_not_disturb_each_other",),
                "gdb sees the new place at its next question; its protocol has no such message",
            ),
        ),
    ),
    (
        "Threads, errors",
        (
            Requirement(98, "main loop and processor take turns", (), "there is one thread that touches the machine"),
            Requirement(
                99,
                "damaged and cut off logs",
                (
                    "log/test_recording_alone.py::test_each_fault_is_a_line",
                    "session/test_record_replay.py::test_a_cut_recording_replays_as_far_as_it_goes",
                    "cli/test_log.py::test_damage_is_one_line_behind_what_was_good",
                ),
            ),
            Requirement(
                100,
                "a divergence says where",
                ("session/test_diagnose.py::test_an_event_that_the_replay_moves_by_one_instruction",),
                "the instruction, what differs in it, and whose fault it is",
            ),
        ),
    ),
)
