"""The vocabulary of record/replay, where each thing has its name: the four clocks, the replay checkpoints, and the
asynchronous queue with its bottom halves. Disks, network and sound plug in here; sessions drive it.
"""
