"""What is written into and from a folder of results: report, page, pictures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from music_emotion.errors import DatasetError, EvaluationError
from music_emotion.evaluation.analysis import conclude
from music_emotion.evaluation.cells import read_ground_truth, write_atomically
from music_emotion.evaluation.error_analysis import worst_tracks
from music_emotion.evaluation.provenance import Command
from music_emotion.evaluation.rescore import corpus_of
from music_emotion.evaluation.results import Results
from music_emotion.evaluation.results_file import Agreement, read_document, write_figures
from music_emotion.report.latex import write_tables
from music_emotion.report.listeners import read_listeners
from music_emotion.report.page import write_page
from music_emotion.report.plots import write_paper_pictures, write_pictures
from music_emotion.report.result_tables import all_tables
from music_emotion.report.tables import markdown_report

REPORT, PAGE = "README.md", "report.html"
WORST_TRACKS = 10


def write_report(out: Path, results: Results, commands: Sequence[Command]) -> None:
    """Write ``summary.csv``, ``results.json``, ``README.md`` and the pictures."""
    conclusions = conclude(results)
    write_figures(out, results, conclusions, commands)
    pictures = write_pictures(out, results, conclusions)
    report = markdown_report(results, conclusions, commands, pictures)
    write_atomically(out / REPORT, report.encode())


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What is wanted of a report.

    Attributes
    ----------
    page
        The HTML file; ``None`` for ``report.html`` in the results folder.
    figures
        Folder for the pictures as PNG and SVG; ``None`` for none.
    latex
        Folder for the tables as LaTeX; ``None`` for none.
    embed_audio
        Whether excerpts of the tracks that the best models get most wrong go into the page.
    worst
        Tracks per model.
    data, csv, use_demo
        Where the data are, as for :func:`~music_emotion.datasets.sources.find_source`.
    """

    page: Path | None = None
    figures: Path | None = None
    latex: Path | None = None
    embed_audio: bool = False
    worst: int = WORST_TRACKS
    data: Path | None = None
    csv: Path | None = None
    use_demo: bool = False

    @property
    def names_data(self) -> bool:
        """Whether the data are named rather than to be looked for."""
        return self.data is not None or self.csv is not None or self.use_demo


def report_results(results: Path, options: ReportOptions) -> list[str]:
    """Write what is wanted of a results folder and return what a user should know, line by line.

    Raises
    ------
    EvaluationError
        If the results are missing or damaged, or the data that are named are others.
    DatasetError
        If the data are named or needed and not found.
    MissingExtraError
        If matplotlib or Jinja is not installed.
    """
    document = read_document(results)
    for folder, option in ((options.figures, "--figures"), (options.latex, "--latex")):
        if folder is not None:
            _make_folder(folder, option)
    listeners = read_listeners(results)
    if document.ceilings is None and listeners is not None:  # compare ran without the votes
        document = replace(document, agreement=Agreement.of(listeners.ceilings, listeners.panels))
    truth = read_ground_truth(results)
    lines = []
    corpus = None
    if truth is None:
        kept_out = "the tracks that are most wrong" + (
            " and their sound" if options.embed_audio else ""
        )
        lines.append(f"without {kept_out}: there are no predictions here")
    else:
        try:
            corpus = corpus_of(truth, data=options.data, csv=options.csv, use_demo=options.use_demo)
        except (DatasetError, EvaluationError) as error:
            if options.names_data or options.embed_audio:
                raise
            lines.append(f"without titles and votes of the tracks: {error}")
    page = options.page or results / PAGE
    lines += write_page(
        page,
        document,
        mistakes=None if truth is None else worst_tracks(results, truth, options.worst),
        listeners=listeners,
        corpus=corpus,
        embed_audio=options.embed_audio and truth is not None,
    )
    lines.append(f"written to {page}")
    if options.figures is not None:
        files = write_paper_pictures(options.figures, document)
        lines.append(f"{len(files)} pictures written to {options.figures}")
    if options.latex is not None:
        tables = write_tables(options.latex, all_tables(document))
        lines.append(f"{len(tables)} tables written to {options.latex}")
    return lines


def _make_folder(folder: Path, option: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file of that name" if folder.is_file() else error.strerror or error
        raise EvaluationError(
            f"cannot make the folder {folder}: {reason}; choose another {option}"
        ) from None
