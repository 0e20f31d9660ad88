using Mdf.Training;

namespace Mdf.Reports;

/// <summary>Creates the table of a calibration of a sum of losses: a row for each term.</summary>
internal static class CalibrationTable
{
    /// <summary>Creates the table.</summary>
    /// <param name="terms">The terms.</param>
    public static ResultTable Create(IReadOnlyList<CalibratedTerm> terms) => new(
        "Shares of the gradient's norm, with respect to distorted patches: as given, and with the weights that give the wanted shares",
        [
            new ResultColumn("loss"), ResultColumn.Number("value", "G4"), ResultColumn.Number("gradient", "G4"),
            ResultColumn.Number("share as given", "P2"), ResultColumn.Number("wanted share", "P0"), ResultColumn.Number("weight", "G3"),
        ],
        terms.Select(term => (IEnumerable<object?>)[term.Expression, term.Value, term.GradientNorm, term.GivenShare, term.Wanted, term.Weight]));
}
