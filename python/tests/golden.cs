// Writes golden.safetensors, with which the Python tests compare: two small crops of our photographs, blurred copies of them, and the value and
// gradient of the loss under every shipped stack, by mdf's own kernels in float32.
// From the repository's folder: dotnet run -c Release python/tests/golden.cs
#:project ../../src/MdfLoss.Tool/MdfLoss.Tool.csproj
#:property PublishAot=false
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Weights;
using static TorchSharp.torch;

const int Height = 20, Width = 23;
using var scope = NewDisposeScope();
var reference = cat([Crop("coffee", 60, 70), Crop("astronaut", 40, 100)], 0);
// Each pixel becomes the mean of itself and its left neighbour, a little darker.
var restored = ((reference + reference.roll(1, 3)) * tensor(0.48f)).requires_grad_();
var tensors = new Dictionary<string, StoredTensor>
{
    ["reference"] = StoredTensor.From(reference),
    ["restored"] = StoredTensor.From(restored.detach()),
};
foreach (var name in ShippedStacks.Names)
{
    using var loss = new MdfLoss(DiscriminatorStack.Load(name)) { Reduction = Reduction.None };
    var values = loss.call(restored, reference);
    var gradient = autograd.grad([values.mean()], [restored])[0];
    tensors.Add($"{name}.values", StoredTensor.From(values.detach()));
    tensors.Add($"{name}.gradient", StoredTensor.From(gradient));
    Console.WriteLine($"{name}: {values.mean().item<float>():R}");
}

SafetensorsFormat.Write("python/tests/golden.safetensors", tensors);

static Tensor Crop(string name, int top, int left) =>
    ImageFile.Read($"samples/photographs/{name}.png").narrow(2, top, Height).narrow(3, left, Width).contiguous();
