using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class RemediesTests
{
    [Fact]
    public void An_exception_without_a_remedy_has_none()
    {
        Assert.Empty(Remedies.Find(new InputException("a", new IOException("b"))));
        Assert.Empty(Remedies.Find(new InputException("a").With(null)));
    }

    [Fact]
    public void An_exception_that_wraps_another_has_its_remedies_too()
    {
        var timeout = new InputException("too slow").With(Remedy.MoreTime);
        var located = new InputException($"here: {timeout.Message}", timeout);
        var run = new IOException($"{located.Message}; resume", located).With(Remedy.Resume);
        Assert.Equal([Remedy.MoreTime], Remedies.Find(located));
        Assert.Equal([Remedy.MoreTime, Remedy.Resume], Remedies.Find(run));
        Assert.Equal([Remedy.MoreTime, Remedy.Resume], Remedies.Find(new InputException("again", run).With(Remedy.Resume)));
    }

    [Fact]
    public void An_interrupted_run_can_be_resumed() =>
        Assert.Equal([Remedy.Resume], Remedies.Find(new RunInterruptedException("a.safetensors", new OperationCanceledException())));
}
