namespace Mdf.Tests;

/// <summary>Classes that need the process for themselves. No other test runs while one of theirs does.</summary>
/// <remarks>
/// <para>Reasons to be here:</para>
/// <list type="bullet">
/// <item>The class calls <c>torch.set_num_threads</c>, or a command with <c>--threads</c>: threads that use libtorch for the first time take over that number.</item>
/// <item>The class counts the native memory of the process (<see cref="LeakWatch"/>), where other tests allocate and free, too.</item>
/// <item>The class calls TorchSharp's own operations with numbers, to compare ours with them: a collection set off by another thread may free the number during the call.</item>
/// <item>A test of it needs some gigabytes of memory: as many of them as there are processors would not fit.</item>
/// </list>
/// <para>Live tensors (<c>DisposeScopeManager.Statistics.ThreadTotalLiveCount</c>) are counted per thread, and a synchronous test stays on one thread: no reason.</para>
/// </remarks>
[CollectionDefinition(nameof(OneAtATime), DisableParallelization = true)]
public sealed class OneAtATime;
