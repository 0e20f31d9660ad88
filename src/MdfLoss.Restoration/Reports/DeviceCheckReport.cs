namespace Mdf.Reports;

/// <summary>How far a device's results are from the exact ones.</summary>
/// <param name="Device">The device, as <c>--device</c> takes it.</param>
/// <param name="Rows">What was compared, in the order of the checks.</param>
internal sealed record DeviceCheckReport(string Device, IReadOnlyList<DeviceDifference> Rows)
{
    /// <summary>Whether everything is within its limit.</summary>
    public bool IsOk => Rows.All(row => row.IsOk);
}

/// <summary>One result of a device beside the exact one.</summary>
/// <param name="What">What was computed.</param>
/// <param name="Difference">The norm of the difference by the norm of the exact result; null where nothing was computed.</param>
/// <param name="Limit">What it may be: ten times and more what rounding makes, and far below what a wrong result makes.</param>
/// <param name="Failure">What the device said instead of computing, as one line; null where it computed.</param>
internal sealed record DeviceDifference(string What, double? Difference, double Limit, string? Failure = null)
{
    /// <summary>Whether the device computed, and the difference is within the limit. NaN is not.</summary>
    public bool IsOk => Failure is null && Difference <= Limit;

    /// <summary>The same in a word: <c>ok</c>, <c>differs</c> or <c>fails</c>.</summary>
    public string Verdict => IsOk ? "ok" : Failure is null ? "differs" : "fails";
}
