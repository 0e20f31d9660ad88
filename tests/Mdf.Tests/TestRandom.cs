using static TorchSharp.torch;

namespace Mdf.Tests;

/// <summary>Random numbers that are the same in every run, whichever tests run before or beside this one.</summary>
/// <remarks>libtorch's own generator is one for the whole process: what a test drew from it would depend on the others.</remarks>
internal static class TestRandom
{
    private const ulong Seed = 20;

    [ThreadStatic]
    private static (object? Test, Generator? Generator) s_current;

    /// <summary>The generator of the test that runs now; every test begins with the same seed.</summary>
    public static Generator Draws
    {
        get
        {
            var test = (object?)TestContext.Current.Test ?? TestContext.Current.TestClass;
            if (s_current.Generator is null || s_current.Test != test)
                s_current = (test, new Generator(Seed));
            return s_current.Generator!;
        }
    }
}
