namespace Mdf.Kernels;

/// <summary>Returns a weight of a 3×3 convolution.</summary>
/// <param name="output">The output channel.</param>
/// <param name="input">The input channel.</param>
/// <param name="y">The row of the kernel, 0 to 2.</param>
/// <param name="x">The column of the kernel, 0 to 2.</param>
/// <returns>The weight; 0 for channels that only pad a vector.</returns>
internal delegate double ConvolutionWeight(int output, int input, int y, int x);
