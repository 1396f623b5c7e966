"""What several tests share: sounds, corpora, oracles, servers."""
