namespace Mdf.Experiments.Sweeps;

internal static class SweepFigures
{
    public static void Write(SweepFolder folder, Sweep sweep, SweepResults results, BestRule? rule)
    {
    }
}
