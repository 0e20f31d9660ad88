using System.Security.Cryptography;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>A file of trained weights, and which bytes it held when they were read.</summary>
/// <param name="Name">Its path as it was given, or the short name of one that comes with the program.</param>
/// <param name="Sha256">The SHA-256 of all its bytes, as small hexadecimal digits.</param>
public sealed record WeightsFile(string Name, string Sha256)
{
    /// <summary>Reads a file once, for its hash.</summary>
    /// <param name="path">A file of any format.</param>
    /// <exception cref="InputException">It cannot be read.</exception>
    public static WeightsFile Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return new WeightsFile(path, Convert.ToHexStringLower(SHA256.HashData(file)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot read the weights '{path}': {e.Message}", e);
        }
    }
}
