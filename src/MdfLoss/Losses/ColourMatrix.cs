using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>Linear combinations of the three colour channels.</summary>
internal static class ColourMatrix
{
    /// <summary>The luma of BT.601 for R'G'B': the Y of YIQ and of Y'CbCr.</summary>
    public static readonly double[,] Luma = { { 0.299, 0.587, 0.114 } };

    /// <summary>R'G'B' to YIQ (NTSC), to the digits that piq has; MATLAB code of the metrics' authors has three.</summary>
    public static readonly double[,] Yiq = { { 0.299, 0.587, 0.114 }, { 0.5959, -0.2746, -0.3213 }, { 0.2115, -0.5227, 0.3112 } };

    /// <summary>Combines the channels. Differentiable.</summary>
    /// <param name="images">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="matrix">One row for each channel of the result, three columns.</param>
    public static Tensor Apply(Tensor images, double[,] matrix)
    {
        using var scope = NewDisposeScope();
        var rows = tensor(matrix, images.dtype, images.device);
        return matmul(rows, images.flatten(2)).view(images.shape[0], matrix.GetLength(0), images.shape[2], images.shape[3]).MoveToOuterDisposeScope();
    }
}
