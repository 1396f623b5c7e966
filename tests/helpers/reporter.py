"""A reporter of progress that remembers what it was told."""

from __future__ import annotations


class RecordingReporter:
    """A reporter that remembers."""

    def __init__(self):
        self.messages, self.failures, self.done, self.planned_cells = [], [], [], []
        self.present = 0

    def message(self, line):
        self.messages.append(line)

    def planned(self, pending, done, schedule):
        self.planned_cells, self.present = list(pending), done

    def started(self, name):
        pass

    def progressed(self, name, done, total):
        assert 0 < done <= total

    def finished(self, cell):
        self.done.append(str(cell.name))

    def failed(self, failure):
        self.failures.append(failure)
