using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class PlainNumberTests
{
    [Theory]
    [InlineData(0, 4, "0")]
    [InlineData(0.5, 4, "0.5")]
    [InlineData(1, 4, "1")]
    [InlineData(1.23456, 4, "1.235")]
    [InlineData(12346, 4, "12350")]
    [InlineData(0.00001234, 4, "0.00001234")]
    [InlineData(-5e-5, 4, "-0.00005")]
    [InlineData(1e-9, 3, "0.000000001")]
    [InlineData(1.25e-12, 3, "1.25e-12")]
    [InlineData(9.99e14, 3, "999000000000000")]
    [InlineData(3e30, 3, "3e30")]
    [InlineData(1e-320, 3, "1e-320")]
    [InlineData(1.7e308, 2, "1.7e308")]
    [InlineData(double.NaN, 4, "NaN")]
    [InlineData(double.PositiveInfinity, 4, "Infinity")]
    public void A_number_is_written_as_a_person_would(double value, int digits, string expected) => Assert.Equal(expected, PlainNumber.Format(value, digits));

    [Theory]
    [InlineData("G4", "0.00001235")]
    [InlineData("F2", "0.00")]
    [InlineData(null, "1.23456E-05")]
    public void A_format_of_significant_digits_has_no_exponent(string? format, string expected) => Assert.Equal(expected, PlainNumber.Format(1.23456e-5, format));
}
