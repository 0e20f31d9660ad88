using System.Diagnostics;
using Mdf.Experiments;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;

namespace Mdf.Tests.Experiments.Sweeps;

/// <summary>The pool with workers that are shell scripts.</summary>
public sealed class WorkerPoolTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_cell_runs_once_and_workers_are_reused()
    {
        var ended = Run("""echo start >> starts; while read -r n; do echo "$n" >> cells; end "$n" finished; done""", jobs: 2);
        Assert.Equal(Enumerable.Range(0, 6), ended.Select(message => message.Cell));
        Assert.All(ended, message => Assert.Equal(CellState.Finished, message.State));
        Assert.Equal(["0", "1", "2", "3", "4", "5"], File.ReadAllLines(_folder.File("cells")).Order());
        Assert.InRange(File.ReadAllLines(_folder.File("starts")).Length, 1, 2);
    }

    [Fact]
    public void If_a_worker_is_killed_its_cell_is_unfinished_and_the_others_run()
    {
        var ended = Run("""while read -r n; do if [ "$n" = 2 ]; then kill -KILL $$; fi; end "$n" finished; done""");
        Assert.Equal(CellState.Unfinished, ended[2].State);
        Assert.Contains("ended by signal 9", ended[2].Message);
        Assert.Equal(5, ended.Count(message => message.State == CellState.Finished));
    }

    [Fact]
    public void A_worker_that_ends_by_itself_or_cannot_start_is_said()
    {
        Assert.Contains("ended with code 3", Run("read -r n; exit 3", jobs: 1)[0].Message);
        var ended = WorkerPool.Run(Cells(), () => new ProcessStartInfo(_folder.File("none")) { RedirectStandardInput = true }, 1, false, _warnings.Add, null, CancellationToken.None);
        Assert.All(ended, message => Assert.Equal("its process could not be started", message.Message));
        Assert.Contains("cannot start a worker", _warnings[0]);
    }

    [Fact]
    public void Fail_fast_stops_after_the_first_failure()
    {
        var ended = Run("""while read -r n; do if [ "$n" = 1 ]; then end "$n" failed; else end "$n" finished; fi; done""", failFast: true);
        Assert.Equal([0, 1], ended.Select(message => message.Cell));
        Assert.Equal(6, Run("""while read -r n; do if [ "$n" = 1 ]; then end "$n" failed; else end "$n" finished; fi; done""").Count);
    }

    [Fact]
    public void A_cell_of_another_process_is_tried_once_more_at_the_end()
    {
        var ended = Run("""
            while read -r n; do
              echo "$n" >> cells
              if [ "$n" = 0 ]; then echo '{"cell":0,"state":"unfinished","is_elsewhere":true}'; else end "$n" finished; fi
            done
            """);
        Assert.Equal("0 1 2 3 4 5 0", string.Join(' ', File.ReadAllLines(_folder.File("cells"))));
        Assert.True(ended[0].IsElsewhere);
    }

    [Fact]
    public void A_request_to_stop_closes_the_input_of_the_workers_and_waits_for_them()
    {
        using var stop = new CancellationTokenSource();
        var watch = new Watch(() => stop.Cancel());
        Assert.Throws<OperationCanceledException>(() => Run("""read -r n; echo "{\"cell\":$n,\"step\":1,\"loss\":0.5}"; read -r n; echo stopped >> stopped""", progress: watch, cancellationToken: stop.Token));
        Assert.Equal(["stopped"], File.ReadAllLines(_folder.File("stopped")));
    }

    [Fact]
    public void If_memory_runs_low_the_youngest_cell_waits_and_runs_later()
    {
        var ended = Run(
            """
            while read -r n; do
              echo "$n" >> cells
              touch low-$n
              while [ ! -e stopped ]; do
                code=0
                read -r -t 0.05 more || code=$?
                if [ $code = 1 ]; then touch stopped; exit; fi # the end of the input; above 128 the time is over
              done
              end "$n" finished
            done
            """, jobs: 2, count: 2, memory: () => File.Exists(_folder.File("low-0")) && File.Exists(_folder.File("low-1")) ? (1L << 20, 1L << 40) : null);
        Assert.Contains(_warnings, warning => warning.StartsWith("only 1 MB of memory are left: one cell waits, and 1 continues", StringComparison.Ordinal));
        Assert.All(ended, message => Assert.Equal(CellState.Finished, message.State));
        Assert.Equal(3, File.ReadAllLines(_folder.File("cells")).Length); // one of the two twice
    }

    [Fact]
    public void Warnings_and_other_output_name_the_cell()
    {
        Run("""while read -r n; do echo noise; echo '{"cell":0,"warning":"careful"}'; echo trouble >&2; sleep 0.2; end "$n" finished; done""", count: 1);
        Assert.Equal(["seed=0: careful", "seed=0: trouble"], _warnings.Order());
    }

    [Fact]
    public void The_memory_of_this_machine_is_plausible()
    {
        if (MachineMemory.Read() is var (available, total))
            Assert.True(available > 0 && available <= total && total > 1L << 28, $"{available} of {total}");
        else
            Assert.False(OperatingSystem.IsLinux());
    }

    private IReadOnlyList<WorkerMessage> Run(
        string script, int jobs = 1, int count = 6, bool failFast = false, Func<(long, long)?>? memory = null, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("the workers of this test are shell scripts");
        File.WriteAllText(_folder.File("worker"), "cd \"$(dirname \"$0\")\"\nend() { echo \"{\\\"cell\\\":$1,\\\"state\\\":\\\"$2\\\"}\"; }\n" + script);
        return WorkerPool.Run(Cells(count), () => new ProcessStartInfo("bash", [_folder.File("worker")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }, jobs, failFast, warning => { lock (_warnings) _warnings.Add(warning); }, progress, cancellationToken, memory: memory);
    }

    private IReadOnlyList<SweepCell> Cells(int count = 6)
    {
        File.WriteAllText(_folder.File("sweep.yaml"), $"experiment: {{task: 'jpeg:10', network: {{name: dncnn}}, loss: l1, data: {{train: a, validation: b}}, schedule: {{iterations: 9}}}}\nseeds: [{string.Join(", ", Enumerable.Range(0, count))}]");
        return Sweep.Load(_folder.File("sweep.yaml"), task: null, ExperimentArguments.InCode).Cells;
    }

    private sealed class Watch(Action act) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value)
        {
            if (value.Step > 0)
                act();
        }
    }
}
