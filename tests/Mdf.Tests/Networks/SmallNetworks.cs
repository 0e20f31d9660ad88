using Mdf.Networks;

namespace Mdf.Tests.Networks;

/// <summary>Every network, small: one that is new is tested by being in the table.</summary>
internal static class SmallNetworks
{
    private static readonly Dictionary<string, string> s_sizes = new()
    {
        ["features"] = "8",
        ["blocks"] = "2",
        ["layers"] = "5",
    };

    /// <summary>Every network with every factor and both values of every flag.</summary>
    public static TheoryData<string> All =>
    [
        .. Architectures.Kinds.OwnNames.SelectMany(name => Architectures.FactorsOf(name).Select(factor => Small(name, factor).ToString())),
        "dncnn?batch_norm=false&features=8&layers=5",
    ];

    /// <summary>Every network with its first factor.</summary>
    public static TheoryData<string> Networks =>
        [.. Architectures.Kinds.OwnNames.Select(name => Small(name, Architectures.FactorsOf(name)[0]).ToString())];

    private static NetworkArchitecture Small(string name, int factor) => Architectures.Create(
        name, factor, Architectures.OptionsOf(name).Where(option => s_sizes.ContainsKey(option.Name)).ToDictionary(option => option.Name, option => s_sizes[option.Name]));
}
