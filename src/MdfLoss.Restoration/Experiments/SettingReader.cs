using Mdf.Runtime;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Mdf.Experiments;

/// <summary>Reads the part of YAML that an experiment needs: values, lists and mappings. Tags, anchors, aliases and a second document are refused.</summary>
/// <remarks>It reads the events of the parser, so it creates only <see cref="Setting"/> objects, and it limits the depth of nesting.</remarks>
internal sealed class SettingReader
{
    /// <summary>The nesting of an experiment: the file, a section in it, a list in the section.</summary>
    public const int OfExperiment = 3;

    private readonly Parser _parser;
    private readonly Func<int, Place> _placeOf;
    private readonly int _deepest;

    private SettingReader(string text, Func<int, Place> placeOf, int deepest) => (_parser, _placeOf, _deepest) = (new Parser(new StringReader(text)), placeOf, deepest);

    /// <summary>Reads one document.</summary>
    /// <param name="text">All of its text.</param>
    /// <param name="placeOf">Returns the place of a line; lines are counted from 1.</param>
    /// <param name="deepest">The deepest nesting.</param>
    /// <exception cref="InputException">The text is not YAML, or uses parts of YAML that an experiment does not need.</exception>
    public static Setting Read(string text, Func<int, Place> placeOf, int deepest = OfExperiment)
    {
        var reader = new SettingReader(text, placeOf, deepest);
        try
        {
            return reader.ReadDocument();
        }
        catch (YamlException e)
        {
            throw NotYaml(placeOf((int)e.Start.Line), e);
        }
        catch (InvalidOperationException e)
        {
            // The scanner throws this exception for some truncated texts.
            throw NotYaml(placeOf((int)(reader._parser.Current?.End.Line ?? 1)), e);
        }
    }

    private static InputException NotYaml(Place place, Exception e)
    {
        var reason = e.Message.TrimEnd('.');
        return new InputException($"{place}: this is not YAML ({char.ToLowerInvariant(reason[0])}{reason[1..]}); put text with special characters in single quotes", e);
    }

    private Setting ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (_parser.Accept<StreamEnd>(out var end))
            return new SettingText(PlaceOf(end), "", IsQuoted: false);
        _parser.Consume<DocumentStart>();
        var root = ReadNode(depth: 0);
        _parser.Consume<DocumentEnd>();
        return _parser.Accept<DocumentStart>(out var second)
            ? throw new InputException($"{PlaceOf(second)}: expected one YAML document, found a second; put it in a file of its own")
            : root;
    }

    private Setting ReadNode(int depth)
    {
        if (ReadText() is { } text)
            return text;
        _parser.Accept<NodeEvent>(out var node);
        if (depth == _deepest && node is not null)
            throw new InputException($"{PlaceOf(node)}: lists and keys are nested too deeply");
        return node is SequenceStart ? ReadList(depth) : ReadMap(depth);
    }

    /// <summary>Reads the next value; null if a list or a mapping starts.</summary>
    private SettingText? ReadText()
    {
        if (_parser.Accept<AnchorAlias>(out var alias))
            throw new InputException($"{PlaceOf(alias)}: expected a value, found the alias {Untrusted.Quote($"*{alias.Value}")}; write the value itself, or put text with * in single quotes");
        if (_parser.Accept<NodeEvent>(out var node) && node is { Anchor.IsEmpty: false } or { Tag.IsEmpty: false })
            throw new InputException($"{PlaceOf(node)}: expected a value, found an anchor (&) or a tag (!) before it; leave it out, or put text with & or ! in single quotes");
        return _parser.TryConsume<Scalar>(out var scalar) ? new SettingText(PlaceOf(scalar), scalar.Value, scalar.Style != ScalarStyle.Plain) : null;
    }

    private SettingList ReadList(int depth)
    {
        var start = _parser.Consume<SequenceStart>();
        var items = new List<Setting>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
            items.Add(ReadNode(depth + 1));
        return new SettingList(PlaceOf(start), items);
    }

    private SettingMap ReadMap(int depth)
    {
        var start = _parser.Consume<MappingStart>();
        var entries = new OrderedDictionary<string, (Place Place, Setting Value)>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            var key = ReadText() ?? throw new InputException($"{PlaceOf(_parser.Current!)}: expected a key, found a list or a mapping; write 'key: value'");
            if (entries.TryGetValue(key.Text, out var first))
                throw new InputException($"{key.Place}: the key {Untrusted.Quote(key.Text)} is set twice, first in line {first.Place.Line}; leave one out");
            entries.Add(key.Text, (key.Place, ReadNode(depth + 1)));
        }

        return new SettingMap(PlaceOf(start), entries);
    }

    private Place PlaceOf(ParsingEvent found) => _placeOf((int)found.Start.Line);
}
