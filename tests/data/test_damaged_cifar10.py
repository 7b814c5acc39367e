"""Damaged CIFAR-10, with the generators of the fault harness: one line or the true rows, and nothing is extracted."""

import archives
import pytest
from archives import damaged_archives, damaged_folders, evil_archives, given_to_the_command
from case import Setting
from cifar_files import WRITERS

EACH = pytest.mark.parametrize(("layout", "writer"), WRITERS, ids=archives.NAMES)


@pytest.mark.parametrize("checked", [True, False], ids=["checksum compared", "checksum passed over"])
@EACH
def test_a_damaged_archive_is_one_line_or_the_true_rows(layout, writer, checked, tmp_path):
    outcomes = dict(damaged_archives(Setting(0, False, tmp_path), layout, writer, checked))
    assert len(outcomes) >= 400
    assert {name: trouble for name, trouble in outcomes.items() if trouble} == {}


def test_an_archive_with_an_evil_member_is_refused_and_nothing_is_extracted(tmp_path):
    outcomes = dict(evil_archives(tmp_path))
    assert len(outcomes) >= 70
    assert {name: trouble for name, trouble in outcomes.items() if trouble} == {}


@EACH
def test_a_damaged_folder_is_one_line_and_what_lies_beside_the_batches_is_not_read(layout, writer, tmp_path):
    outcomes = dict(damaged_folders(tmp_path, layout, writer))
    assert len(outcomes) >= 25
    assert {name: trouble for name, trouble in outcomes.items() if trouble} == {}


def test_the_command_ends_with_4_and_one_line_and_digits_do_not_stand_in(tmp_path):
    outcomes = dict(given_to_the_command(tmp_path))
    assert len(outcomes) == 16
    assert {name: trouble for name, trouble in outcomes.items() if trouble} == {}


def test_the_harness_notices_other_rows_other_errors_and_memory(tmp_path, monkeypatch):
    layout, writer = WRITERS[0]
    folder = archives.write_folder(tmp_path / layout.folder, layout, writer)
    source = archives.Source(folder, layout)
    assert archives.trouble_with(source, "another digest") == "other rows were read, without a word"
    monkeypatch.setattr(archives, "read", lambda *_: 1 / 0)
    assert archives.trouble_with(source, None) == "ZeroDivisionError: division by zero"

    def greedy(*_):
        len([bytes(archives.MEMORY + 1)])
        raise archives.DataError("x must be small, got large")

    monkeypatch.setattr(archives, "read", greedy)
    assert archives.trouble_with(source, None).endswith(" bytes of memory")
