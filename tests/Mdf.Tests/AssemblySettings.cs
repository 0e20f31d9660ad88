// Classes run in parallel, at most as many as there are processors. Those that need the process for themselves are in OneAtATime.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.Collections)]
