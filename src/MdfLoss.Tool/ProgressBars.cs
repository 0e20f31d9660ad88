using Mdf.Runtime;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Mdf.Cli;

/// <summary>Shows progress on a terminal: a bar for each stage, with the last numbers and the remaining time.</summary>
internal sealed class ProgressBars : IProgress<ProgressUpdate>
{
    // Often enough to look continuous, and rarely enough to cost almost nothing.
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(100);

    private readonly ProgressContext _context;
    private readonly TimeProvider _time;
    private ProgressTask? _bar;
    private long? _last;

    private ProgressBars(ProgressContext context, TimeProvider time) => (_context, _time) = (context, time);

    /// <summary>Does work and shows its progress as bars.</summary>
    /// <param name="console">The terminal.</param>
    /// <param name="time">The clock.</param>
    /// <param name="work">The work.</param>
    /// <returns>The result of the work.</returns>
    public static T Show<T>(IAnsiConsole console, TimeProvider time, Func<IProgress<ProgressUpdate>, T> work) =>
        new Progress(console, time) { AutoRefresh = false }
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new UpdateColumn())
            .Start(context => work(new ProgressBars(context, time)));

    public void Report(ProgressUpdate update)
    {
        if (_bar?.Description != Markup.Escape(update.Stage))
            _bar = _context.AddTask(Markup.Escape(update.Stage), maxValue: Math.Max(1, update.Total));
        _bar.Tag = update;
        _bar.Value = update.Total == 0 ? 1 : update.Step;
        var now = _time.GetTimestamp();
        if (!update.IsLast && _last is { } last && _time.GetElapsedTime(last, now) < s_refresh)
            return;
        _last = now;
        _context.Refresh();
    }

    /// <summary>The column next to the bar, with the numbers of the last report.</summary>
    private sealed class UpdateColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            if (task.Tag is not ProgressUpdate update)
                return Text.Empty;
            return new Text(string.Join("  ", update.Values.Select(ProgressLines.Format).Concat(ProgressLines.Left(update))));
        }
    }
}
