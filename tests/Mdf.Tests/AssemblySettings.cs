// One test at a time: libtorch uses every core for each, and some tests measure the memory of the process.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
