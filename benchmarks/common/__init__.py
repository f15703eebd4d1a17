"""Results file, processes, statistics, tables and pictures of the benchmarks."""
