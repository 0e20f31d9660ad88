namespace Mdf.Experiments.Sweeps;

internal sealed record ClusterOptions
{
    public static ClusterOptions? Read(Section root, SettingMap map) => null;
}
