"""From any music to what people feel in it: waveform → segments → track → file → many files."""
