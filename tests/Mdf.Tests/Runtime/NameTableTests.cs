using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class NameTableTests
{
    private readonly NameTable<string> _table = new("loss", [("l1", "own")]);

    [Fact]
    public void What_is_added_is_found_and_says_from_which_plugin_it_comes()
    {
        var plugin = new PluginFile("own-loss.dll", "3f5a");
        _table.Add("gradient-2", "added", plugin);
        _table.Add("mine", "by the program", plugin: null);
        Assert.Equal(["l1", "gradient-2", "mine"], _table.Names);
        Assert.Equal(["l1"], _table.OwnNames);
        Assert.Equal("added", _table.Find("gradient-2"));
        Assert.Equal(plugin, _table.PluginOf("gradient-2"));
        Assert.Null(_table.PluginOf("l1"));
        Assert.Null(_table.Find("gradient"));
        Assert.Equal(plugin, PluginFile.Parse(plugin.ToString()));
        Assert.Equal("the loss 'gradient-2' comes with the plugin 'own-loss.dll': load this plugin", plugin.Hint("loss", "gradient-2"));
    }

    [Fact]
    public void A_name_that_is_taken_is_refused_and_stays_what_it_was()
    {
        _table.Add("gradient", "first", new PluginFile("a.dll", ""));
        _table.Add("mine", "first", plugin: null);
        foreach (var (name, owner) in new[] { ("l1", "mdf itself"), ("gradient", "the plugin 'a.dll'"), ("mine", "this program") })
        {
            var before = _table.Find(name);
            var message = Assert.Throws<InputException>(() => _table.Add(name, "second", new PluginFile("b.dll", ""))).Message;
            Assert.Equal($"the name '{name}' of a loss is taken by {owner}: choose another name", message);
            Assert.Equal(before, _table.Find(name));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Gradient")]
    [InlineData("a b")]
    [InlineData("a:b")]
    [InlineData("a+b")]
    [InlineData("-a")]
    [InlineData("a--b")]
    [InlineData("a\n")]
    [InlineData("1a")]
    public void A_name_that_an_expression_could_not_hold_is_refused(string name) =>
        Assert.Contains("expected the name of a loss to be small letters", Assert.Throws<ArgumentException>(() => _table.Add(name, "x", plugin: null)).Message);

    [Fact]
    public void Threads_can_add_at_once()
    {
        Parallel.For(0, 200, i => _table.Add($"a{i}", $"{i}", plugin: null));
        Assert.All(Enumerable.Range(0, 200), i => Assert.Equal($"{i}", _table.Find($"a{i}")));
        Assert.Equal(201, _table.Values.Count);
    }
}
