using System.CommandLine;
using System.Globalization;
using Mdf.Reports;
using Mdf.Runtime;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf doctor</c>: checks whether mdf works on this machine, and describes the machine.</summary>
internal sealed class DoctorCommand : MdfCommand
{
    private readonly Option<ComputeDevice?> _device = new("--device")
    {
        Description = "also compare the results of this device (cpu, cuda, cuda:N or auto) with exact results; takes about a minute",
        HelpName = "name",
        CustomParser = TextParser.From<ComputeDevice?>(ComputeDevice.Parse),
    };

    public DoctorCommand()
        : base(
            "doctor",
            "Describes this machine and checks that everything that mdf needs works on it.",
            new Example("doctor", "check this machine; the exit code is 1 if something is wrong"),
            new Example("doctor --device cuda", "compare every loss, network and training step on the GPU with exact results"),
            new Example("doctor --json > doctor.json", "write the same as JSON, for a program or a bug report")) => Options.Add(_device);

    public override int Run(CommandContext context)
    {
        context.Log("loading libtorch");
        var report = context.Get(_device) is { } device
            ? context.WithProgress(progress => SystemReport.Collect(device, progress, context.Cancellation))
            : SystemReport.Collect();
        context.Cancellation.ThrowIfCancellationRequested();
        context.Result(report, terminal => Write(terminal, report));
        return report.Problems.Count == 0 ? CommandLine.Success : CommandLine.Failure;
    }

    private static void Write(Terminal terminal, SystemReport report)
    {
        var (versions, platform, memory) = (report.Versions, report.Platform, report.Memory);
        Row("mdf", versions.Mdf);
        Row(".NET", versions.Dotnet);
        Row("TorchSharp", versions.TorchSharp);
        Row("libtorch", versions.Libtorch);
        Row("libvips", versions.Libvips);
        Row("system", $"{platform.Description}, {platform.Architecture}");
        Row("C library", platform.Glibc is null ? null : $"glibc {platform.Glibc}");
        Row("C++ library", platform.Libstdcxx);
        Row("processor", report.Processor.Name);
        Row("features", string.Join(' ', report.Processor.Features));
        Row("cores", $"{report.Processor.Cores}");
        Row("memory", string.Join(", ",
        [
            Gibibytes(memory.Total),
            .. memory.Available is { } available ? [$"{Gibibytes(available)} available"] : Array.Empty<string>(),
            memory.Limit is { } limit ? $"this container's limit {Gibibytes(limit)}" : "no container's limit",
        ]));
        if (report.Libtorch is { } libtorch)
        {
            Row("loaded from", libtorch.File);
            Row("built for", libtorch.IsCudaBuild ? "CUDA" : "processors only");
            Row("threads", $"{libtorch.Threads} within an operation, {libtorch.InteropThreads} across");
            foreach (var device in libtorch.Devices)
                Row(device.Name, device.Computes ? "computes correctly" : "computes WRONGLY");
        }

        if (report.Check is { } check)
        {
            var width = check.Rows.Max(row => row.What.Length);
            terminal.WriteLine($"{$"{check.Device}, difference from exact results".PadRight(width)}  difference     limit");
            foreach (var row in check.Rows)
                terminal.WriteLine($"{row.What.PadRight(width)}  {Scientific(row.Difference),10}  {Scientific(row.Limit),8}  {row.Verdict}");
        }

        foreach (var note in report.Notes)
            terminal.WriteLine($"note: {note}");
        foreach (var problem in report.Problems)
            terminal.WriteLine($"problem: {problem}");
        if (report.Problems.Count == 0)
            terminal.WriteLine("all is well");

        void Row(string name, string? value) => terminal.WriteLine($"{name,-12} {value ?? "unknown"}");
    }

    private static string Scientific(double? value) => value?.ToString("0.0e+00", CultureInfo.InvariantCulture) ?? "-";

    private static string Gibibytes(long bytes) =>
        $"{(bytes / (double)(1L << 30)).ToString("F1", CultureInfo.InvariantCulture)} GiB";
}
