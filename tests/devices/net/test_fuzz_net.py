"""Network cards under hostile drivers and networks: `./dev fuzz net`, shortly; and that it finds what it should."""

import pytest

from playhead.devices.pci.ring_memory import RingMemory
from playhead.hw.inputs import NET, takers
from tools.fuzz import net
from tools.fuzz.net_board import Rig
from tools.fuzz.net_machine import machine_case

CARDS = [kind.NAME for kind in net.plans()]
SEED, SHORT, MANY = 12, 25, 60


@pytest.mark.parametrize("card", CARDS)
def test_no_driver_harms_the_machine(card):
    assert net.fuzz(SHORT, SEED, cards=(card,)) == []


@pytest.mark.parametrize("card", CARDS)
def test_recorded_under_random_traffic_and_replayed(card):
    assert net.fuzz(2, SEED, cards=(card,), case=machine_case) == []


def dropping(receive):
    """What a card remembers outside its state."""
    taken = []

    def drops(card, frame):
        if card in taken:
            receive(card, frame)
        taken.append(card)

    return drops


def failing(receive):
    def fails(card, frame):
        if len(frame) == 1:
            raise IndexError("a frame of one byte")
        receive(card, frame)

    return fails


def endless(receive):
    def never_ends(card, frame):
        while frame:
            card.port.send(frame)

    return never_ends


RECEIVE = {
    "differs in": dropping,
    "IndexError: a frame of one byte": failing,
    "more than 90000 frames for one step": endless,
}


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("said", RECEIVE)
def test_a_fault_of_the_receiver_is_found(card, said, monkeypatch):
    cls = type(Rig(card).card)
    monkeypatch.setattr(cls, "receive", RECEIVE[said](cls.receive))
    found = net.fuzz(MANY, SEED, cards=(card,), most=1)
    assert found and said in found[0]


@pytest.mark.parametrize("card", CARDS)
def test_room_that_is_not_told_of_is_found(card, monkeypatch):
    monkeypatch.setattr(Rig, "_room", lambda self: None)
    found = net.fuzz(MANY, SEED, cards=(card,), most=1)
    assert found and "on_room was not called" in found[0]


@pytest.mark.parametrize("card", CARDS)
def test_a_transfer_to_registers_is_found(card, monkeypatch):
    monkeypatch.setattr(RingMemory, "_is_memory", lambda self, address: address < 1 << 32)
    found = net.fuzz(MANY, SEED, cards=(card,), most=1)
    assert found and "a transfer writes the registers at 0xfe" in found[0]


@pytest.mark.parametrize("card", CARDS)
def test_a_transfer_without_permission_is_found(card, monkeypatch):
    cls = type(Rig(card).card)
    receive = cls.receive

    def transfers(self, frame):
        receive(self, frame)
        self._memory_of_the_test.read(0, 4)

    def built(*arguments):
        rig = object.__new__(Rig)
        rig.__init__(*arguments)
        takers(rig.board.devices, NET)[0]._memory_of_the_test = rig.memory
        return rig

    monkeypatch.setattr(cls, "receive", transfers)
    monkeypatch.setattr(net, "Rig", built)
    found = net.fuzz(MANY, SEED, cards=(card,), most=1)
    assert found and "a transfer while bus mastering is off" in found[0]


def test_a_step_without_an_end_is_found():
    def case(kind, seed, number):
        while True:
            pass

    assert "it takes more than 0.05 s" in net.fuzz(1, SEED, case=case, limit_s=0.05)[0]
