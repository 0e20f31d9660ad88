using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>
/// One layer in training: a convolution, batch norm with the statistics of the current image, and leaky ReLU. Holds the state of a pass, and computes the derivatives.
/// </summary>
/// <remarks>
/// z is the output of the convolution, x̂ = (z − μ) / s with s = √(var + ε), y = γ x̂ + β, a = leaky(y). Only the map z is kept. Everything else is computed
/// from z, row by row, when it is read. In the backward pass, batch norm only combines maps, channel by channel (<see cref="CombinedRows{TLanes}"/>);
/// the factors come from sums that were computed while the maps were written.
/// </remarks>
internal sealed unsafe class NormalizedLayer<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const double Epsilon = 1e-5; // PyTorch's default for batch norm, which SinGAN keeps
    private const float Slope = (float)ScaleNetwork.NegativeSlope;
    private const int MostMaps = 4;

    private readonly TrunkWeights<TLanes> _weights;
    private readonly int _index;
    private readonly int _channels;
    private readonly NativeBuffer[] _memory;
    private readonly NativeBuffer _vectors;
    private readonly double[] _mean;
    private readonly double[] _inverse;

    /// <summary>Allocates the maps of the layer.</summary>
    /// <param name="weights">The weights of the network.</param>
    /// <param name="index">The index of the layer; 0 is the head.</param>
    /// <param name="height">The number of rows of the output.</param>
    /// <param name="width">The number of columns of the output.</param>
    /// <param name="hasPenalty">Whether the maps of the gradient penalty are also needed.</param>
    public NormalizedLayer(TrunkWeights<TLanes> weights, int index, int height, int width, bool hasPenalty)
    {
        (_weights, _index, _channels, Height, Width) = (weights, index, weights.Channels, height, width);
        _memory = [.. Enumerable.Range(0, hasPenalty ? 4 : 2).Select(_ => new NativeBuffer((long)height * width * _channels))];
        _vectors = new NativeBuffer((3 + 3 * (MostMaps + 1)) * _channels);
        (_mean, _inverse) = (new double[_channels], new double[_channels]);
        Z = Map(0);
        Gradient = Map(1);
        (Tangent, Second) = hasPenalty ? (Map(2), Map(3)) : default;
        Mask = new LeakyReluMask(Z, (nint)Scale, (nint)Shift, Slope);
        Activations = new ActivationRows<TLanes>(Z, height, width, Scale, Shift, Slope);

        FeatureMap Map(int i) => new(_memory[i].Pointer, width, _channels);
    }

    /// <summary>The number of rows of the output.</summary>
    public int Height { get; }

    /// <summary>The number of columns of the output.</summary>
    public int Width { get; }

    /// <summary>The output of the convolution minus <see cref="Center"/>.</summary>
    public FeatureMap Z { get; }

    /// <summary>The gradient with respect to y: dy in an ordinary pass, p in the pass of the gradient penalty.</summary>
    public FeatureMap Gradient { get; }

    /// <summary>q̄: the derivative of the penalty with respect to the gradient before this convolution.</summary>
    public FeatureMap Tangent { get; }

    /// <summary>ȳ: the derivative of the penalty with respect to y.</summary>
    public FeatureMap Second { get; }

    /// <summary>The derivative of the leaky ReLU.</summary>
    public LeakyReluMask Mask { get; }

    /// <summary>a: the output of the layer.</summary>
    public RowSource Activations { get; }

    /// <summary>The values that are subtracted from the output of the convolution: per channel, a value near the mean.</summary>
    public float* Center => _vectors.Pointer;

    private float* Scale => _vectors.Pointer + _channels;

    private float* Shift => _vectors.Pointer + 2 * _channels;

    private double Count => (double)Height * Width;

    /// <summary>Sets <see cref="Center"/>. Call it before the convolution.</summary>
    public void Begin()
    {
        for (var c = 0; c < _channels; c++)
            Center[c] = _weights.RunningMean(_index)[c] - _weights.Bias(_index)[c];
    }

    /// <summary>Computes the mean and the standard deviation from the sums of z and z², and updates the running statistics. Call it after the convolution.</summary>
    /// <param name="sums">Σ z, Σ z².</param>
    /// <param name="times">The number of updates of the running statistics: the number of times that the algorithm would compute the same pass.</param>
    public void Normalize(LayerSums sums, int times)
    {
        float* gamma = _weights.Gamma(_index), beta = _weights.Beta(_index);
        for (var c = 0; c < _channels; c++)
        {
            _mean[c] = sums.Values[c] / Count;
            var variance = Math.Max(0, sums.TimesZ[c] / Count - _mean[c] * _mean[c]);
            _inverse[c] = 1 / Math.Sqrt(variance + Epsilon);
            Scale[c] = (float)(gamma[c] * _inverse[c]);
            Shift[c] = (float)(beta[c] - _mean[c] * gamma[c] * _inverse[c]);
            for (var i = 0; i < times; i++)
            {
                _weights.Observe(_index, c,
                    (float)(_mean[c] + Center[c] + _weights.Bias(_index)[c]), (float)(variance * Count / (Count - 1)));
            }
        }
    }

    /// <summary>Computes dz = γ/s (dy − mean(dy) − x̂ mean(dy x̂)), from dy in <see cref="Gradient"/>.</summary>
    /// <param name="sums">Σ dy, Σ dy z.</param>
    /// <param name="addsGradient">Whether to also add to the gradient of γ and β.</param>
    public RowSource GradientRows(LayerSums sums, bool addsGradient)
    {
        var gamma = _weights.Gamma(_index);
        float* dGamma = _weights.Gamma(_index, _weights.Gradient), dBeta = _weights.Beta(_index, _weights.Gradient);
        var factors = Coefficients(0);
        for (var c = 0; c < _channels; c++)
        {
            var withNormalized = Normalized(sums.TimesZ[c], sums.Values[c], c);
            Project(c, gamma[c] * _inverse[c], sums.Values[c], withNormalized, factors);
            if (!addsGradient)
                continue;
            dGamma[c] += (float)withNormalized;
            dBeta[c] += (float)sums.Values[c];
        }

        return new CombinedRows<TLanes>([Gradient, Z], Height, Width, factors, mask: null);
    }

    /// <summary>Computes h̄ = p̄ leaky′(y) with p̄ = γ/s (q̄ − mean(q̄) − x̂ mean(q̄ x̂)), from q̄ in <see cref="Tangent"/>.</summary>
    /// <param name="sums">Σ q̄, Σ q̄ z.</param>
    public RowSource TangentRows(LayerSums sums)
    {
        var gamma = _weights.Gamma(_index);
        var factors = Coefficients(1);
        for (var c = 0; c < _channels; c++)
            Project(c, gamma[c] * _inverse[c], sums.Values[c], Normalized(sums.TimesZ[c], sums.Values[c], c), factors);
        return new CombinedRows<TLanes>([Tangent, Z], Height, Width, factors, Mask);
    }

    /// <summary>Computes z̄, the derivative of the penalty with respect to z, through x̂ and s. Adds to the gradient of γ and β.</summary>
    /// <param name="gradient">Σ p, Σ p z.</param>
    /// <param name="tangent">Σ q̄, Σ q̄ z, Σ q̄ p.</param>
    /// <param name="second">Σ ȳ, Σ ȳ z; null for the last layer, because the penalty does not depend on its activations.</param>
    /// <remarks>
    /// The gradient of the penalty passes through q = γ/s (p − mean(p) − x̂ mean(p x̂)). So, with N positions and sums over them,
    /// x̂̄ = −γ/s (q̄ Σ p x̂ + p Σ q̄ x̂)/N + γ ȳ, s̄ = −Σ q̄ q / s, γ̄ = Σ q̄ q / γ + Σ ȳ x̂, β̄ = Σ ȳ,
    /// and z̄ = 1/s (x̂̄ − mean(x̂̄) − x̂ mean(x̂̄ x̂)) + s̄ x̂ / N.
    /// </remarks>
    public RowSource SecondRows(LayerSums gradient, LayerSums tangent, LayerSums? second)
    {
        var gammas = _weights.Gamma(_index);
        float* dGamma = _weights.Gamma(_index, _weights.Gradient), dBeta = _weights.Beta(_index, _weights.Gradient);
        var maps = second is null ? new[] { Tangent, Gradient, Z } : [Tangent, Gradient, Second, Z];
        var factors = Coefficients(2);
        for (var c = 0; c < _channels; c++)
        {
            var (gamma, inverse) = (gammas[c], _inverse[c]);
            var (p, q) = (gradient.Values[c], tangent.Values[c]);
            var (pNormalized, qNormalized) = (Normalized(gradient.TimesZ[c], p, c), Normalized(tangent.TimesZ[c], q, c));
            var (y, yNormalized) = second is { } of ? (of.Values[c], Normalized(of.TimesZ[c], of.Values[c], c)) : (0, 0);
            var overGamma = inverse * (tangent.TimesP![c] - p * q / Count - pNormalized * qNormalized / Count); // Σ q̄ q / γ
            dGamma[c] += (float)(overGamma + yNormalized);
            dBeta[c] += (float)y;

            var mean = (-gamma * inverse * (q * pNormalized + p * qNormalized) / Count + gamma * y) / Count;
            var withNormalized = (-gamma * inverse * 2 * pNormalized * qNormalized / Count + gamma * yNormalized) / Count;
            var deviation = -gamma * inverse * overGamma; // s̄
            var ofNormalized = -inverse * withNormalized + deviation / Count;
            var at = c;
            Set(-gamma * inverse * inverse * pNormalized / Count);
            Set(-gamma * inverse * inverse * qNormalized / Count);
            if (second is not null)
                Set(gamma * inverse);
            Set(ofNormalized * inverse);
            Set(-inverse * mean - ofNormalized * inverse * _mean[c]);

            void Set(double value)
            {
                factors[at] = (float)value;
                at += _channels;
            }
        }

        return new CombinedRows<TLanes>(maps, Height, Width, factors, mask: null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var memory in _memory)
            memory.Dispose();
        _vectors.Dispose();
    }

    /// <summary>Computes Σ v x̂ from Σ v z and Σ v.</summary>
    private double Normalized(double withZ, double sum, int channel) => (withZ - _mean[channel] * sum) * _inverse[channel];

    /// <summary>Computes the factors of v, z and 1 in factor · (v − mean(v) − x̂ mean(v x̂)).</summary>
    private void Project(int channel, double factor, double sum, double withNormalized, float* factors)
    {
        var ofZ = -factor * withNormalized / Count * _inverse[channel];
        factors[channel] = (float)factor;
        factors[_channels + channel] = (float)ofZ;
        factors[2 * _channels + channel] = (float)(-ofZ * _mean[channel] - factor * sum / Count);
    }

    /// <summary>The memory for the factors of one combination of maps. The three kinds of combinations are in use at the same time.</summary>
    private float* Coefficients(int kind) => _vectors.Pointer + (3 + kind * (MostMaps + 1)) * _channels;
}
