namespace Mdf.Reports;

/// <summary>The differences between a device's results and exact results.</summary>
/// <param name="Device">The device, in the form that <c>--device</c> accepts.</param>
/// <param name="Rows">The comparisons, in their order.</param>
internal sealed record DeviceCheckReport(string Device, IReadOnlyList<DeviceDifference> Rows)
{
    /// <summary>Whether everything is within its limit.</summary>
    public bool IsOk => Rows.All(row => row.IsOk);
}

/// <summary>The comparison of one result of a device with the exact result.</summary>
/// <param name="What">The name of the result.</param>
/// <param name="Difference">The norm of the difference, divided by the norm of the exact result; null if nothing was computed.</param>
/// <param name="Limit">The largest allowed difference: at least ten times the rounding error, and far below the difference of a wrong result.</param>
/// <param name="Failure">The error message of the device, as one line; null if it computed.</param>
internal sealed record DeviceDifference(string What, double? Difference, double Limit, string? Failure = null)
{
    /// <summary>Whether the device computed, and the difference is within the limit. NaN is not.</summary>
    public bool IsOk => Failure is null && Difference <= Limit;

    /// <summary>The verdict as a word: <c>ok</c>, <c>differs</c> or <c>fails</c>.</summary>
    public string Verdict => IsOk ? "ok" : Failure is null ? "differs" : "fails";
}
