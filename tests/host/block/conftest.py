"""Fixtures of the image tests."""

import pytest
import qemu_img


@pytest.fixture
def judge():
    """qemu-img and qemu-io, without which there is nothing to test against."""
    qemu_img.need()
    return qemu_img
