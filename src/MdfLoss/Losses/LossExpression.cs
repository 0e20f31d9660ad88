using System.Globalization;
using Mdf.Discriminators;
using Mdf.Losses.Features;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// A text that names a loss, on the command line and in experiment files: <c>l1</c>, <c>mse+0.1*ms-ssim</c>,
/// <c>mdf:stack.safetensors</c>, <c>mdf:Ds_SISR.pth?num_scales=3&amp;ascending=false</c>.
/// </summary>
/// <remarks>
/// A sum of terms <c>[weight*]name[:argument][?option=value&amp;…]</c>. An argument that contains <c>+</c>, <c>*</c> or <c>?</c> must be in
/// single quotes. Parsing uses neither libtorch nor files; <see cref="Create"/> uses both.
/// </remarks>
public sealed class LossExpression
{
    // One entry for each loss: its short name, the function that creates it, its argument and its options.
    private static readonly NameTable<LossKind> s_kinds = new("loss", new LossKind[]
    {
        new("l1", _ => new L1Loss()),
        new("mse", _ => new MseLoss()),
        new("charbonnier", _ => new CharbonnierLoss()),
        new("ssim", _ => new SsimLoss()),
        new("ms-ssim", _ => new MsSsimLoss()),
        new("ssim-upstream", _ => new UpstreamSsimLoss()),
        new("ms-ssim-upstream", _ => new UpstreamMsSsimLoss()),
        new("vgg16", Vgg16Loss.Create) { Options = ["resize"], Untrained = Vgg16Loss.Untrained },
        new("lpips-alex", term => LpipsLoss.Create(LpipsNetwork.Alex, term)) { Options = ["upstream"], Untrained = (random, divisor) => LpipsLoss.Untrained(LpipsNetwork.Alex, random, divisor) },
        new("lpips-vgg", term => LpipsLoss.Create(LpipsNetwork.Vgg, term)) { Options = ["upstream"], Untrained = (random, divisor) => LpipsLoss.Untrained(LpipsNetwork.Vgg, random, divisor) },
        new("lpips-squeeze", term => LpipsLoss.Create(LpipsNetwork.Squeeze, term)) { Options = ["upstream"], Untrained = (random, divisor) => LpipsLoss.Untrained(LpipsNetwork.Squeeze, random, divisor) },
        new("vgg19", Vgg19Loss.Create) { Options = ["layers", "criterion", "style"], Untrained = Vgg19Loss.Untrained },
        new("dists", DistsLoss.Create) { Untrained = DistsLoss.Untrained },
        new("resnet18", ResNet18Loss.Create) { Options = ["normalize"], Untrained = ResNet18Loss.Untrained },
        new("ms-ssim-l1", _ => new MsSsimL1Loss()),
        new("fsim", _ => new FsimLoss()),
        new("fsimc", _ => new FsimLoss(hasColour: true)),
        new("gmsd", _ => new GmsdLoss()),
        new("haarpsi", _ => new HaarPsiLoss()),
        new("flip", CreateFlip) { Options = ["ppd"] },
        new("gradient", _ => new GradientLoss()),
        new("chroma", _ => new ChromaLoss()),
        new("focal-frequency", term => new FocalFrequencyLoss(term.Positive("alpha", 1))) { Options = ["alpha"] },
        new("mdf", CreateMdf)
        {
            Argument = "a discriminator stack, such as mdf:stack.safetensors, or mdf:untrained",
            Options = ["num_scales", "ascending", "layer_weights", "input_range", "precision"],
        },
    }.Select(kind => (kind.Name, kind)));

    private readonly string _text;
    private readonly IReadOnlyList<LossTerm> _terms;

    private LossExpression(string text, IReadOnlyList<LossTerm> terms)
    {
        _text = text;
        _terms = terms;
    }

    /// <summary>The short names of all losses, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names => [.. s_kinds.Names.Order(StringComparer.Ordinal)];

    /// <summary>The table of all losses by their short names.</summary>
    internal static NameTable<LossKind> Kinds => s_kinds;

    /// <summary>The short names that this expression uses.</summary>
    internal IEnumerable<string> NamesUsed => _terms.Select(term => term.Name).Distinct();

    /// <summary>Adds a loss that every expression of this process can then name.</summary>
    /// <param name="kind">The loss.</param>
    /// <exception cref="ArgumentException">The name has other characters than small letters, digits and single hyphens.</exception>
    /// <exception cref="InputException">The name is taken.</exception>
    internal static void Register(LossKind kind) => Register(kind, plugin: null);

    internal static void Register(LossKind kind, PluginFile? plugin)
    {
        ArgumentNullException.ThrowIfNull(kind);
        s_kinds.Add(kind.Name, kind, plugin);
    }

    /// <summary>Reads a loss expression.</summary>
    /// <param name="text">The expression, such as <c>0.5*ms-ssim+l1</c>.</param>
    /// <exception cref="InputException">The text is not a loss expression; the message says what was expected and where.</exception>
    public static LossExpression Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new LossExpression(text.Trim(), [.. SplitOutsideQuotes(text, '+', text).Select(term => ParseTerm(term.Trim(), text))]);
    }

    /// <summary>Replaces named weights by numbers: <c>mse+w*vgg16</c> becomes <c>mse+0.1*vgg16</c>. Everything else stays as it is.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="weights">The numbers, as text, by name.</param>
    /// <returns>The expression, and the names that it uses.</returns>
    /// <exception cref="InputException">A quote is not closed.</exception>
    internal static (string Text, IReadOnlySet<string> Used) SetWeights(string text, IReadOnlyDictionary<string, string> weights)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        var terms = SplitOutsideQuotes(text, '+', text).Select(term =>
        {
            var (weight, body) = Cut(term, '*');
            if (body is null || !weights.TryGetValue(weight.Trim(), out var number))
                return term;
            used.Add(weight.Trim());
            return $"{number}*{body.TrimStart()}";
        });
        return (string.Join('+', terms), used);
    }

    /// <summary>Creates the loss.</summary>
    /// <param name="device">The device for its weights. Default: the CPU.</param>
    /// <exception cref="InputException">A file that the expression names does not exist or cannot be used.</exception>
    public ReconstructionLoss Create(Device? device = null)
    {
        var losses = new List<(double Weight, ReconstructionLoss Loss)>();
        try
        {
            foreach (var term in _terms)
                losses.Add((term.Weight, s_kinds.Find(term.Name)!.Create(term)));
        }
        catch
        {
            losses.ForEach(loss => loss.Loss.Dispose());
            throw;
        }

        ReconstructionLoss made = losses is [(1.0, var only)] ? only : new WeightedSum(losses);
        made.eval();
        if (device is not null)
            made.to(device);
        return made;
    }

    /// <summary>The expression as the user wrote it.</summary>
    public override string ToString() => _text;

    private static MdfLoss CreateMdf(LossTerm term)
    {
        var scales = term.Option<int>("num_scales", "a positive whole number", text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null);
        var ascending = term.Option<bool>("ascending", "true or false", text => bool.TryParse(text, out var flag) ? flag : null) ?? true;
        var weights = term.Option<LayerWeights>(
            "layer_weights", "three numbers for head, body and final map, not negative and not all 0, such as 1,1,0.5",
            text => LayerWeights.TryParse(text, out var parsed) ? parsed : null);
        var range = term.Option<InputRange>(
            "input_range", "the values of black and white, two numbers, the lower first, such as -1,1", text => InputRange.TryParse(text, out var parsed) ? parsed : null);
        var precision = term.Option<Precision>("precision", "fp32 or bf16", text => text switch
        {
            "fp32" => Precision.Fp32,
            "bf16" => Precision.Bf16,
            _ => null,
        }) ?? Precision.Fp32;
        return MdfLoss.Load(term.Argument!, scales, ascending, weights, range, precision, term.ToString());
    }

    private static FlipLoss CreateFlip(LossTerm term) => new(term.Option<double>("ppd", $"a number of pixels per degree from 1 to {FlipLoss.MaximumPixelsPerDegree}", text =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && FlipLoss.IsPixelsPerDegree(number) ? number : null) ?? FlipLoss.StandardPixelsPerDegree);

    private static LossTerm ParseTerm(string text, string expression)
    {
        var weight = 1.0;
        var body = text;
        if (SplitOutsideQuotes(text, '*', expression) is [var left, .. { Count: > 0 }])
        {
            body = text[(left.Length + 1)..].Trim();
            if (!double.TryParse(left, NumberStyles.Float, CultureInfo.InvariantCulture, out weight) || !double.IsFinite(weight) || weight <= 0)
                throw Error($"expected a positive weight before '*', found '{left.Trim()}'", expression);
        }

        var (head, query) = Cut(body, '?');
        var (name, argument) = Cut(head, ':');
        if (s_kinds.Find(name) is not { } kind)
            throw Error($"unknown loss '{name}'; known are {string.Join(", ", Names)}", expression);
        if (kind.Argument is null && argument is not null)
            throw Error($"'{name}' takes nothing after ':', found '{argument}'", expression);
        argument = argument?.Trim('\'');
        if (kind.Argument is not null && string.IsNullOrEmpty(argument))
            throw Error($"'{name}' needs {kind.Argument}", expression);

        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in query?.Split('&') ?? [])
        {
            var (key, value) = Cut(option, '=');
            if (!kind.Options.Contains(key))
                throw Error($"'{name}' has no option '{key}'{(kind.Options.Count > 0 ? $"; it has {string.Join(", ", kind.Options)}" : "")}", expression);
            if (value is null || !options.TryAdd(key, value))
                throw Error($"expected {key}=value once, found '{option}'", expression);
        }

        return new LossTerm(weight, name, argument, options, body);
    }

    private static (string Head, string? Tail) Cut(string text, char separator)
    {
        var at = IndexOutsideQuotes(text, separator, 0);
        return at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
    }

    private static List<string> SplitOutsideQuotes(string text, char separator, string expression)
    {
        if (text.Count(c => c == '\'') % 2 != 0)
            throw Error("a quote ' is not closed", expression);
        var parts = new List<string>();
        var start = 0;
        for (var at = IndexOutsideQuotes(text, separator, 0); at >= 0; at = IndexOutsideQuotes(text, separator, start))
        {
            parts.Add(text[start..at]);
            start = at + 1;
        }

        parts.Add(text[start..]);
        return parts;
    }

    private static int IndexOutsideQuotes(string text, char wanted, int start)
    {
        var isQuoted = false;
        for (var i = start; i < text.Length; i++)
        {
            if (text[i] == '\'')
                isQuoted = !isQuoted;
            else if (text[i] == wanted && !isQuoted)
                return i;
        }

        return -1;
    }

    private static InputException Error(string what, string expression) =>
        new($"{what} (in the loss '{expression}'{(expression.Contains(':', StringComparison.Ordinal) ? "; put a path that holds + * or ? in single quotes" : "")})");
}
