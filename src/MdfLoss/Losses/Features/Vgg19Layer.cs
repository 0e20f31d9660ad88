using System.Globalization;
using Mdf.Weights;

namespace Mdf.Losses.Features;

/// <summary>A layer of VGG-19 and its weight in the loss.</summary>
/// <param name="Name"><c>convX_Y</c> for the features before the ReLU, <c>reluX_Y</c> for those after it.</param>
/// <param name="Weight">The factor of the layer; positive.</param>
internal readonly record struct Vgg19Layer(string Name, double Weight)
{
    /// <summary>The five layers of Real-ESRGAN: Wang, Xie, Dong and Shan, "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data" (2021).</summary>
    public static IReadOnlyList<Vgg19Layer> RealEsrgan { get; } = [new("conv1_2", 0.1), new("conv2_2", 0.1), new("conv3_4", 1), new("conv4_4", 1), new("conv5_4", 1)];

    /// <summary>Reads layers such as <c>conv3_4:1,relu5_4:0.5</c>. A layer without a weight has the weight 1.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The layers in the order of the network; null if the text names none, an unknown one, one twice, or a weight that is not positive.</returns>
    public static IReadOnlyList<Vgg19Layer>? Read(string text)
    {
        var known = Trunks.Vgg19.Layers.Where(layer => layer is not MaxPoolingLayer).Select(layer => layer.Name).ToList();
        var layers = new List<Vgg19Layer>();
        foreach (var part in text.Split(','))
        {
            var (name, weight) = part.Split(':') switch
            {
                [var only] => (only, 1.0),
                [var first, var number] when double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) => (first, parsed),
                _ => ("", 0),
            };
            if (!known.Contains(name) || !(weight > 0 && double.IsFinite(weight)) || layers.Any(layer => layer.Name == name))
                return null;
            layers.Add(new Vgg19Layer(name, weight));
        }

        return [.. layers.OrderBy(layer => known.IndexOf(layer.Name))];
    }
}
