"""``python -m music_emotion``: the command."""

from music_emotion.cli.main import main

if __name__ == "__main__":
    main()
