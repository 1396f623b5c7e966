"""Where labelled tracks come from: EMOTIFY, a user's own folder, or a corpus synthesised here."""
