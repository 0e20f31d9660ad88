using System.Globalization;
using System.Text.RegularExpressions;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments.Sweeps;

/// <summary>The section <c>cluster</c> of a sweep: the resources of one cell, in the words of Slurm. A cell is one task of a job array.</summary>
/// <remarks>
/// The values become lines of a shell script. So each range allows only characters that Slurm's names consist of: none that ends a line, and none that the shell
/// or Slurm would expand.
/// </remarks>
internal sealed partial record ClusterOptions
{
    private const int DefaultRestarts = 20;
    private const int DefaultSignalSeconds = 60;

    // Slurm checks its limits once a minute, so it "may send the signal up to 60 seconds earlier than specified" (sbatch(1), option signal).
    private static readonly TimeSpan s_earliness = TimeSpan.FromSeconds(60);

    // A job that trains for less than this would spend its time starting and stopping.
    private static readonly TimeSpan s_shortestTraining = TimeSpan.FromSeconds(60);

    /// <summary>The partitions that may run a cell; null for the default partition.</summary>
    public string? Partition
    {
        get;
        init => field = Check(PartitionRange, value);
    }

    /// <summary>The account that is charged; null for the user's default account.</summary>
    public string? Account
    {
        get;
        init => field = Check(AccountRange, value);
    }

    /// <summary>The time limit of a cell; null for the default of the partition. A cell that reaches it is requeued, so it may be shorter than the training.</summary>
    public string? Time
    {
        get;
        init => field = Check(TimeRange, value);
    }

    /// <summary>The number of processors of a cell; null for Slurm's default.</summary>
    public int? Cpus
    {
        get;
        init => field = value is { } given ? CpusRange.Check(given) : null;
    }

    /// <summary>The memory of a cell; null for Slurm's default.</summary>
    public string? Memory
    {
        get;
        init => field = Check(MemoryRange, value);
    }

    /// <summary>Generic resources of a cell, such as GPUs; null for none.</summary>
    public string? Gres
    {
        get;
        init => field = Check(GresRange, value);
    }

    /// <summary>Environment modules to load before mdf starts, in order.</summary>
    public IReadOnlyList<string> Modules
    {
        get;
        init => field = new EqualList<string>(value.Select(ModuleRange.Check));
    }
    = new EqualList<string>([]);

    /// <summary>The largest number of cells that run at the same time; null for no limit.</summary>
    public int? Throttle
    {
        get;
        init => field = value is { } given ? ThrottleRange.Check(given) : null;
    }

    /// <summary>The number of times that a cell is requeued before its job gives up.</summary>
    public int Restarts
    {
        get;
        init => field = RestartsRange.Check(value);
    }
    = DefaultRestarts;

    /// <summary>The time before the limit at which Slurm asks a cell to write a checkpoint, in seconds.</summary>
    public int SignalSeconds
    {
        get;
        init => field = SignalSecondsRange.Check(value);
    }
    = DefaultSignalSeconds;

    /// <summary>The keys of the section.</summary>
    internal static IReadOnlyList<string> Keys { get; } =
        ["partition", "account", "time", "cpus", "memory", "gres", "modules", "throttle", "restarts", "signal_seconds"];

    internal static ValueRange<string> PartitionRange { get; } = new("the name of a partition, or several with commas between them", value => Names().IsMatch(value));

    internal static ValueRange<string> AccountRange { get; } = new("the name of an account", value => AccountName().IsMatch(value));

    internal static ValueRange<string> TimeRange { get; } = new("a time such as 4:00:00 or 1-00:00:00", value => Duration().IsMatch(value));

    internal static ValueRange<int> CpusRange { get; } = ValueRange.Whole(1, 4096);

    internal static ValueRange<string> MemoryRange { get; } = new("an amount of memory with its unit, such as 8G", value => Amount().IsMatch(value));

    internal static ValueRange<string> GresRange { get; } = new("resources such as gpu:1 or gpu:a100:2", value => Resources().IsMatch(value));

    internal static ValueRange<string> ModuleRange { get; } = new("the names of modules, such as cuda/12.4", value => Module().IsMatch(value));

    internal static ValueRange<int> ThrottleRange { get; } = ValueRange.Whole(1, 100_000);

    internal static ValueRange<int> RestartsRange { get; } = ValueRange.Whole(0, 10_000);

    // 65535 is the largest time of Slurm's option.
    internal static ValueRange<int> SignalSecondsRange { get; } = ValueRange.Whole(1, 65_535);

    /// <summary>Reads the section.</summary>
    /// <param name="section">The section. Its keys are checked against <see cref="Keys"/> when it is opened.</param>
    /// <exception cref="InputException">A value has the wrong kind or is out of range.</exception>
    public static ClusterOptions Read(Section section)
    {
        var standard = new ClusterOptions();
        var options = standard with
        {
            Partition = section.Text("partition", PartitionRange),
            Account = section.Text("account", AccountRange),
            Time = section.Text("time", TimeRange),
            Cpus = section.Integer("cpus", CpusRange),
            Memory = section.Text("memory", MemoryRange),
            Gres = section.Text("gres", GresRange),
            Modules = section.Texts("modules", ModuleRange) ?? standard.Modules,
            Throttle = section.Integer("throttle", ThrottleRange),
            Restarts = section.Integer("restarts", RestartsRange) ?? standard.Restarts,
            SignalSeconds = section.Integer("signal_seconds", SignalSecondsRange) ?? standard.SignalSeconds,
        };
        var shortest = TimeSpan.FromSeconds(options.SignalSeconds) + s_earliness + s_shortestTraining;
        return options.Time is { } time && Length(time) < shortest
            ? throw section.Refused("time", $"expected 'cluster.time' to be at least {shortest.TotalSeconds} seconds, found {time}: the cell is asked to stop {options.SignalSeconds} "
                + $"seconds before the limit ('cluster.signal_seconds'), and Slurm may ask {s_earliness.TotalSeconds} seconds earlier")
            : options;
    }

    private static string? Check(ValueRange<string> range, string? value) => value is null ? null : range.Check(value);

    private static TimeSpan Length(string time)
    {
        var match = Duration().Match(time);
        return new TimeSpan(Part("days"), Part("hours"), Part("minutes"), Part("seconds"));

        int Part(string name) => match.Groups[name] is { Success: true } part ? int.Parse(part.ValueSpan, CultureInfo.InvariantCulture) : 0;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]*(,[A-Za-z0-9_][A-Za-z0-9_.-]*)*\z")]
    private static partial Regex Names();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.@+-]*\z")]
    private static partial Regex AccountName();

    [GeneratedRegex(@"\A(?:(?<days>[0-9]{1,3})-)?(?<hours>[0-9]{1,4}):(?<minutes>[0-5][0-9]):(?<seconds>[0-5][0-9])\z")]
    private static partial Regex Duration();

    [GeneratedRegex(@"\A[1-9][0-9]{0,8}[KMGT]\z")]
    private static partial Regex Amount();

    [GeneratedRegex(@"\A[A-Za-z0-9_]+(:[A-Za-z0-9_][A-Za-z0-9_.-]*){0,2}(,[A-Za-z0-9_]+(:[A-Za-z0-9_][A-Za-z0-9_.-]*){0,2})*\z")]
    private static partial Regex Resources();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.+/@=-]*\z")]
    private static partial Regex Module();
}
