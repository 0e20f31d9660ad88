using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class Crc32Tests
{
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    [Fact]
    public void Checksum_of_the_digits_is_the_published_check_value() => Assert.Equal(0xCBF43926u, Crc32.Compute("123456789"u8));

    [Fact]
    public void Checksum_of_nothing_is_zero() => Assert.Equal(0u, Crc32.Compute([]));
}
