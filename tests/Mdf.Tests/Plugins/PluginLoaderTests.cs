using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Mdf.Networks;
using Mdf.Plugins;
using Mdf.Runtime;

namespace Mdf.Tests.Plugins;

public sealed class PluginLoaderTests : IDisposable
{
    private static readonly PluginFile s_file = new("mine.dll", "00");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_that_is_no_plugin_is_refused_in_one_line()
    {
        Assert.Contains("there is no such file", Refusal(_folder.File("none.dll")));
        File.WriteAllText(_folder.File("text.dll"), "no assembly");
        Assert.EndsWith("is not a plugin: expected a .NET assembly (.dll), built for this version of .NET or an earlier one", Refusal(_folder.File("text.dll")), StringComparison.Ordinal);
        Assert.Contains(
            "contains no plugin: expected a public class with a constructor without parameters that implements Mdf.Plugins.IMdfPlugin",
            Refusal(Path.Combine(AppContext.BaseDirectory, "CsCheck.dll")));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, 99)]
    public void An_assembly_that_was_built_against_another_mdf_is_refused(int major, int minor)
    {
        var path = _folder.File("other.dll");
        WriteAssembly(path, "MdfLoss.Restoration", new Version(major, minor, 3, 0));
        var ours = typeof(Registry).Assembly.GetName().Version!.ToString(3);
        Assert.Equal(
            $"the plugin '{path}' was built for another version of mdf, or one of its files is missing: it needs MdfLoss.Restoration {major}.{minor}.3, this is {ours}; build it for this version",
            Refusal(path));
    }

    [Fact]
    public void What_a_plugin_throws_is_told_in_one_line()
    {
        Assert.Equal("cannot use the plugin 'mine.dll': the name 'l1' of a loss is taken by mdf itself: choose another name", Refusal(registry => registry.AddLoss("l1", _ => null!)));
        Assert.Contains("the name 'jpeg' of a task is taken by mdf itself", Refusal(registry => registry.AddTask("jpeg", "jpeg:10", "quality", _ => null!)));
        Assert.Contains("the name 'edsr' of a network is taken by mdf itself", Refusal(registry => registry.AddNetwork("edsr", [], (_, _) => null!)));
        Assert.Contains("the name 'folder' of a restorer is taken by mdf itself", Refusal(registry => registry.AddRestorer("folder", "", (_, _) => null!)));
        Assert.Contains("the name 'denoise' of a restorer is taken by a network that comes with mdf", Refusal(registry => registry.AddRestorer("denoise", "", (_, _) => null!)));
        Assert.Equal("cannot use the plugin 'mine.dll': Throwing.Register failed: broken (InvalidOperationException)", Refusal(_ => throw new InvalidOperationException("broken.")));
        Assert.Contains("was built for another version of mdf, or one of its files is missing: Method not found", Refusal(_ => throw new MissingMethodException("Method not found: 'x'")));
    }

    [Fact]
    public void A_network_that_no_file_could_name_is_refused()
    {
        var registry = new Registry();
        Assert.Throws<ArgumentException>(() => registry.AddNetwork("never", [NetworkOption.Flag("factor", true, "")], (_, _) => null!));
        Assert.Throws<ArgumentException>(() => registry.AddNetwork("never", [NetworkOption.Flag("name", true, "")], (_, _) => null!));
        Assert.Throws<ArgumentException>(() => registry.AddNetwork("never", [NetworkOption.Flag("a", true, ""), NetworkOption.Number("a", 1, "")], (_, _) => null!));
        Assert.Throws<ArgumentException>(() => registry.AddNetwork("never", [], (_, _) => null!, factors: [2, 1]));
        Assert.Null(Architectures.Kinds.Find("never"));
    }

    private static string Refusal(string path) => Assert.Throws<InputException>(() => PluginLoader.Load(path)).Message;

    private static string Refusal(Action<Registry> register) => Assert.Throws<InputException>(() => PluginLoader.Register(new Throwing(register), s_file)).Message;

    /// <summary>An assembly without types that asks for another.</summary>
    private static void WriteAssembly(string path, string reference, Version version)
    {
        var metadata = new MetadataBuilder();
        metadata.AddModule(0, metadata.GetOrAddString("other.dll"), metadata.GetOrAddGuid(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)), default, default);
        metadata.AddAssembly(metadata.GetOrAddString("other"), new Version(1, 0, 0, 0), default, default, 0, AssemblyHashAlgorithm.None);
        metadata.AddAssemblyReference(metadata.GetOrAddString(reference), version, default, default, 0, default);
        metadata.AddTypeDefinition(default, default, metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        var content = new BlobBuilder();
        new ManagedPEBuilder(PEHeaderBuilder.CreateLibraryHeader(), new MetadataRootBuilder(metadata), new BlobBuilder()).Serialize(content);
        File.WriteAllBytes(path, content.ToArray());
    }

    private sealed class Throwing(Action<Registry> register) : IMdfPlugin
    {
        public void Register(Registry registry) => register(registry);
    }
}
