namespace Mdf.Kernels;

/// <summary>The weights of a 3×3 convolution.</summary>
/// <param name="output">The channel that is computed.</param>
/// <param name="input">The channel that it is computed from.</param>
/// <param name="y">The row of the kernel, 0 to 2.</param>
/// <param name="x">The column of the kernel, 0 to 2.</param>
/// <returns>The weight; 0 for channels that only fill up a vector.</returns>
internal delegate double ConvolutionWeight(int output, int input, int y, int x);
