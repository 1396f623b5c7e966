from music_emotion.evaluation.provenance import code_digest, meaning

SOURCE = '''
"""A module."""
RATE = 3e-3
"""The rate."""

def double(x):
    """Double it."""
    return 2 * x  # twice
'''


def said(text):
    return list(meaning(text))


def test_words_and_layout_do_not_count():
    assert said(SOURCE) == said("RATE=0.003\ndef double( x ):\n\n    return 2*x")


def test_what_is_computed_counts():
    for before, after in (
        ("3e-3", "2e-3"),
        ("2 * x", "2 + x"),
        ("2 * x", "x * 2"),
        ("def double(x)", "def double(x, y)"),
        ("return ", ""),
        ("RATE = 3e-3", "RATE = '0.003'"),
    ):
        assert said(SOURCE.replace(before, after)) != said(SOURCE), after


def test_order_and_nesting_count():
    assert said("a\nb") != said("b\na")
    assert said("if x:\n    a()\nb()") != said("if x:\n    a()\n    b()")


def test_the_digest_is_that_of_the_code():
    assert len(code_digest()) == 64
    assert code_digest() == code_digest()
