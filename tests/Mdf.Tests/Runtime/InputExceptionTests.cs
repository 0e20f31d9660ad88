using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class InputExceptionTests
{
    [Fact]
    public void A_message_is_one_line()
    {
        Assert.Equal("a b c d e", new InputException("a\nb\u001bc\u2028d\u2029e").Message);
        Assert.Equal("Zoë 日本", new InputException("Zoë 日本").Message);
    }

    [Fact]
    public void A_long_message_keeps_its_start_and_its_end()
    {
        var message = new InputException($"cannot read '{new string('x', 10_000)}': expected an image; choose another").Message;
        Assert.StartsWith("cannot read 'xxx", message);
        Assert.Contains("x … x", message);
        Assert.EndsWith("x': expected an image; choose another", message);
        Assert.InRange(message.Length, 900, 1100);
    }

    [Fact]
    public void A_message_of_a_message_grows_no_longer()
    {
        var inner = new InputException(new string('x', 5000));
        Assert.InRange(new InputException($"{inner.Message}; {inner.Message}").Message.Length, 900, 1100);
    }

    [Fact]
    public void A_character_of_two_halves_is_not_cut()
    {
        foreach (var shift in new[] { "", "a" })
            Assert.DoesNotContain(new InputException(shift + string.Concat(Enumerable.Repeat("😀", 2000))).Message.EnumerateRunes(), rune => rune == System.Text.Rune.ReplacementChar);
    }
}
