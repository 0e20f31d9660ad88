using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>
/// Writes the batch script of a sweep for Slurm: one job array, in which task N runs or resumes cell N.
/// </summary>
/// <remarks>
/// <para>Slurm warns the job before its time limit. The script then asks mdf to stop, waits for its checkpoint (exit code 75), and requeues the task.</para>
/// <para>
/// The script requeues a task only while Slurm counts it as running, or if it reached its time limit. A job that the user cancelled also receives SIGTERM, and
/// <c>scontrol requeue</c> would revive it. A job that Slurm preempts or requeues is already in the queue. <c>tests/slurm</c> checks this with a real Slurm.
/// </para>
/// </remarks>
internal static partial class SlurmScript
{
    private const int LongestName = 60; // characters of the job's name

    /// <summary>Returns the text of the script. Write it as UTF-8 without a byte order mark.</summary>
    /// <param name="options">The resources of one cell.</param>
    /// <param name="cells">The number of cells.</param>
    /// <param name="command">The words of the command that runs one cell. The script appends the number of the cell as the last word.</param>
    /// <param name="workingFolder">The folder in which the command runs; an absolute path.</param>
    /// <param name="logFolder">The folder of the logs, one file per cell; an absolute path. It must exist before the script is submitted: Slurm does not create it.</param>
    /// <param name="name">A name for Slurm's queue. Characters that Slurm does not print are replaced.</param>
    /// <exception cref="InputException">Slurm cannot write into the folder of the logs because of a character in its path.</exception>
    public static string Write(ClusterOptions options, int cells, IReadOnlyList<string> command, string workingFolder, string logFolder, string name)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(cells, 1);
        ArgumentOutOfRangeException.ThrowIfZero(command.Count);
        RequireAbsolute(workingFolder);
        RequireAbsolute(logFolder);

        var script = new StringBuilder();
        // A login shell defines 'module'.
        Line(options.Modules.Count > 0 ? "#!/bin/bash -l" : "#!/bin/bash");
        Directive("job-name", $"mdf-{Unprintable().Replace(name.Length > LongestName ? name[..LongestName] : name, "_")}");
        Directive("array", $"0-{Text(cells - 1)}{(options.Throttle is { } most ? $"%{Text(most)}" : "")}");
        Directive("ntasks", "1");
        Directive("requeue");
        Directive("open-mode", "append");
        Directive("signal", $"B:USR1@{Text(options.SignalSeconds)}");
        Directive("output", LogPattern(logFolder));
        Directive("partition", options.Partition);
        Directive("account", options.Account);
        Directive("time", options.Time);
        Directive("cpus-per-task", options.Cpus is { } cpus ? Text(cpus) : null);
        Directive("mem", options.Memory);
        Directive("gres", options.Gres);
        Line("");
        Line("# Task N of this job array runs or resumes cell N of a sweep. mdf wrote this script.");
        if (options.Modules.Count > 0)
            Line($"module load {string.Join(' ', options.Modules.Select(Quote))} || exit 1");
        Line($"command=({string.Join(' ', command.Select(Quote))})");
        Line($"folder={Quote(workingFolder)}");
        Line($"restarts={Text(options.Restarts)}");
        script.Append(Body);
        return script.ToString();

        void Line(string line) => script.Append(line).Append('\n');

        void Directive(string option, string? value = "")
        {
            if (value is not null)
                Line($"#SBATCH --{option}{(value.Length > 0 ? "=" : "")}{value}");
        }
    }

    /// <summary>Returns a word in single quotes, which the shell does not change.</summary>
    internal static string Quote(string word) => $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    // Slurm reads its lines in the script itself: double quotes keep spaces, and %a is the number of the task. A path with a backslash has no %a at all.
    private static string LogPattern(string folder) => folder.Any(c => c == '\\' || char.IsControl(c))
        ? throw new InputException($"Slurm cannot write logs into {Untrusted.Quote(folder)}: expected a path without backslashes and control characters; choose another folder")
        : $"\"{folder.Replace("%", "%%", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).TrimEnd('/')}/cell-%a.log\"";

    private static void RequireAbsolute(string folder)
    {
        if (!Path.IsPathFullyQualified(folder))
            throw new ArgumentException($"expected an absolute path, because Slurm copies the script, found '{folder}'");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex("[^A-Za-z0-9_.-]")]
    private static partial Regex Unprintable();

    private const string Body = """

        cell=${SLURM_ARRAY_TASK_ID:?this script is a job array of Slurm: submit it with sbatch}
        # The plain number of a job can mean the whole array.
        job=${SLURM_ARRAY_JOB_ID}_$cell
        say() { printf '%(%F %T)T job %s: %s\n' -1 "$job" "$*"; }

        # Slurm sends USR1 before the time limit, and TERM when it ends the job. Only the first is passed on: mdf would end at once at a second.
        child=
        signals=0
        trap 'signals=$((signals + 1)); if [ -n "$child" ] && [ "$signals" = 1 ]; then kill -TERM "$child" 2> /dev/null; fi' USR1 TERM

        cd -- "$folder" || exit 2
        say "cell $cell starts on ${SLURMD_NODENAME:-this node}, restart ${SLURM_RESTART_COUNT:-0} of $restarts"
        "${command[@]}" "$cell" &
        child=$!
        # The signal may have come before the number of the child was known.
        if [ "$signals" -gt 0 ]; then kill -TERM "$child" 2> /dev/null; fi

        # A signal interrupts 'wait', so wait until no signal came. 127: an earlier 'wait' has already returned the exit code.
        code=127
        while :; do
          before=$signals
          wait "$child"
          status=$?
          if [ "$status" != 127 ]; then code=$status; fi
          if [ "$signals" = "$before" ]; then break; fi
        done

        # 75: mdf has stopped and the cell can be resumed. Any other code after a signal: mdf was ended before its handlers were installed, or while it wrote its
        # checkpoint. Then bash may have lost the code (-1). 0, 1 and 2 are results: finished, failed, wrong input.
        case $code in
          75) resumable=1 ;;
          0 | 1 | 2) resumable= ;;
          *) resumable=${signals#0} ;;
        esac
        if [ -z "$resumable" ]; then
          say "cell $cell ended with exit code $code"
          exit "$code"
        fi
        if [ "${SLURM_RESTART_COUNT:-0}" -ge "$restarts" ]; then
          say "cell $cell was stopped and can be resumed, but it has had all its restarts"
          exit 75
        fi
        for attempt in 1 2 3; do
          if [ "$attempt" != 1 ]; then sleep 5; fi
          state=$(squeue -h -j "$job" -o '%T %r') || continue
          case $state in
            RUNNING* | *TimeLimit) ;;
            # Slurm has requeued the job itself, or the user has cancelled it: then requeueing would revive it.
            *)
              say "cell $cell was stopped and can be resumed; Slurm has ended this job (${state:-it is no longer in the queue})"
              exit 75
              ;;
          esac
          if scontrol requeue "$job"; then
            say "cell $cell was stopped, can be resumed, and is in the queue again"
            exit 75
          fi
        done
        say "cell $cell was stopped and can be resumed, but Slurm did not requeue it"
        exit 75

        """;
}
