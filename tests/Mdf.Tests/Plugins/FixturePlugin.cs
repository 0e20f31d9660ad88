using System.Globalization;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Plugins;
using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Tests.Plugins;

/// <summary>A plugin with one of each. The assembly of the tests is the plugin, which the real program loads: what is registered stays, and other tests list the names.</summary>
public sealed class FixturePlugin : IMdfPlugin
{
    public void Register(Registry registry)
    {
        registry.AddLoss("fixture", term => new ScaledL1(term.Positive("scale", 1)), options: "scale");
        registry.AddTask("darker", "darker:0.5", "how much is left", left => new Darker(double.Parse(left ?? "0.5", CultureInfo.InvariantCulture)));
        registry.AddNetwork("means", [NetworkOption.WholeNumbers("widths", [4], 1, 64, 4, "channels")], (architecture, device) => new Means(architecture, device));
        registry.AddRestorer("brighter", "twice as bright", (_, _) => new Brighter());
    }

    private sealed class ScaledL1(double scale) : PixelwiseLoss("fixture")
    {
        protected override Tensor Map(Tensor restored, Tensor reference) => (restored - reference).abs() * tensor(scale, restored.dtype);
    }

    private sealed class Darker(double left) : Distortion
    {
        public override string Task => FormattableString.Invariant($"darker:{left}");

        protected override Tensor Distort(Tensor reference, Generator? random) => reference * tensor(left, reference.dtype);
    }

    /// <summary>Adds to every pixel what it makes of the image's mean.</summary>
    private sealed class Means : RestorationNetwork
    {
        private readonly Sequential layers;

        public Means(NetworkArchitecture architecture, Device device)
            : base(architecture)
        {
            var (inputs, convolutions) = (3, new List<Module<Tensor, Tensor>>());
            foreach (var outputs in architecture.WholeNumbers("widths").Append(3))
            {
                convolutions.Add(Conv2d(inputs, outputs, 1, device: device));
                inputs = outputs;
            }

            layers = Sequential(convolutions);
            RegisterComponents();
        }

        public override int? Margin => null;

        protected override Tensor Restore(Tensor distorted) => distorted.Add(layers.call(distorted.mean([2, 3], keepdim: true)));
    }

    private sealed class Brighter : IRestorer
    {
        public string Name => "brighter";

        public int? Factor => 1;

        public Tensor Restore(Tensor distorted, RestorationRequest request) => distorted.Add(distorted);

        public void Dispose()
        {
        }
    }
}
