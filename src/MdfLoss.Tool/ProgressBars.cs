using Mdf.Runtime;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Mdf.Cli;

/// <summary>Progress on a terminal: a bar per stage, with the last numbers and the time left.</summary>
internal sealed class ProgressBars : IProgress<ProgressUpdate>
{
    // Fast enough for the eye, slow enough to cost nothing.
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(100);

    private readonly ProgressContext _context;
    private readonly TimeProvider _time;
    private ProgressTask? _bar;
    private long? _last;

    private ProgressBars(ProgressContext context, TimeProvider time) => (_context, _time) = (context, time);

    /// <summary>Does work under bars.</summary>
    /// <param name="console">The terminal.</param>
    /// <param name="time">The clock.</param>
    /// <param name="work">The work.</param>
    /// <returns>What the work returns.</returns>
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

    /// <summary>What the last report says beside its bar.</summary>
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
