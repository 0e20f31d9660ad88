using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

using var loss = MdfLoss.Load("jpeg"); // or a sum: new WeightedSum((1, MdfLoss.Load("jpeg")), (569, new L1Loss())): docs/training.md says how to find the weights
using var network = nn.Sequential(nn.Conv2d(3, 32, 3, padding: 1), nn.ReLU(), nn.Conv2d(32, 3, 3, padding: 1)); // in practice, start from a network trained with L1
using var adam = new Adam(network.parameters(), 1e-3);
for (var step = 1; step <= 20; step++)
{
    using var scope = NewDisposeScope();
    var reference = rand(4, 3, 64, 64); // your photographs: (N, 3, H, W) in [0, 1]
    var damaged = reference.Add(randn_like(reference), 0.1);
    var value = loss.call(network.call(damaged), reference);
    adam.ZeroGrad();
    value.backward();
    adam.Step();
    Console.WriteLine($"{step}: {value.item<float>():F4}");
}
