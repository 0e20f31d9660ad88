namespace Mdf.Tests;

/// <summary>Waits for what another process does, however slow the machine is.</summary>
internal static class Patience
{
    // Only a test that fails waits so long.
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    /// <summary>Waits until something holds.</summary>
    /// <param name="holds">What to wait for.</param>
    /// <param name="what">The same in words, for the failure.</param>
    public static void Until(Func<bool> holds, string what) => Assert.True(SpinWait.SpinUntil(holds, s_limit), $"waited in vain: {what}");
}
