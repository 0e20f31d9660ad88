using System.Reflection;
using System.Reflection.Emit;
using TorchSharp;

namespace Mdf.Tests.Runtime;

/// <summary>Reads compiled code for calls that leave a number of TorchSharp's to the collector while libtorch may be reading it.</summary>
internal sealed class ScalarUse
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> s_codes = typeof(OpCodes).GetFields().Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    private readonly HashSet<MethodBase> _careless;

    /// <summary>Finds TorchSharp's methods that make a number and do not dispose of it, themselves or through others.</summary>
    public ScalarUse()
    {
        var calls = MethodsOf(typeof(Scalar).Assembly)
            .Where(method => method.DeclaringType != typeof(Scalar) && method.DeclaringType != typeof(ScalarExtensionMethods))
            .ToDictionary(method => method, CallsOf);
        _careless = [.. calls.Where(entry => MakesMoreThanItFrees(entry.Value)).Select(entry => entry.Key)];
        for (var found = 0; found < _careless.Count;)
        {
            found = _careless.Count;
            _careless.UnionWith(calls.Where(entry => entry.Value.Exists(call => _careless.Contains(Definition(call)))).Select(entry => entry.Key));
        }
    }

    /// <summary>Every call in an assembly that leaves a number to the collector, as <c>type.method: what it calls</c>.</summary>
    public IEnumerable<string> In(Assembly assembly) => MethodsOf(assembly).SelectMany(method =>
    {
        var calls = CallsOf(method);
        return calls.Where(call => Makes(call) && MakesMoreThanItFrees(calls) || IsCareless(call))
            .Select(call => $"{method.DeclaringType}.{method.Name}: {call.DeclaringType}.{call}");
    });

    /// <summary>Whether a call of it does so: its own code, or that of the layer which it makes.</summary>
    public bool IsCareless(MethodBase method) =>
        _careless.Contains(Definition(method))
        || method is MethodInfo { ReturnType: var made } && typeof(torch.nn.Module).IsAssignableFrom(made) && LayersOf(made).Any(layer => layer.GetMethods(Declared).Any(IsForward));

    private bool IsForward(MethodInfo method) => method.Name == "forward" && _careless.Contains(method);

    // A layer and its base types: BatchNorm2d takes its forward from NormBase.
    private static IEnumerable<Type> LayersOf(Type? type)
    {
        for (; type is not null && type != typeof(torch.nn.Module); type = type.BaseType)
            yield return type.IsConstructedGenericType ? type.GetGenericTypeDefinition() : type;
    }

    private static bool MakesMoreThanItFrees(List<MethodBase> calls) =>
        calls.Count(Makes) > calls.Count(call => call.Name == nameof(IDisposable.Dispose) && (call.DeclaringType == typeof(Scalar) || call.DeclaringType == typeof(IDisposable)));

    private static bool Makes(MethodBase call) => call is MethodInfo { ReturnType: var made } && made == typeof(Scalar);

    private static MethodBase Definition(MethodBase method) => method is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericMethodDefinition() : method;

    private static IEnumerable<MethodBase> MethodsOf(Assembly assembly) =>
        assembly.GetTypes().SelectMany(type => type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)));

    /// <summary>What a method calls, in order: the operands of its instructions that name a method.</summary>
    private static List<MethodBase> CallsOf(MethodBase method)
    {
        var calls = new List<MethodBase>();
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var at = 0; at < code.Length;)
        {
            var value = (short)code[at++];
            if (value == 0xFE) // the first byte of two
                value = (short)(0xFE00 | code[at++]);
            var operand = s_codes[value].OperandType;
            if (operand == OperandType.InlineMethod)
            {
                calls.Add(method.Module.ResolveMethod(BitConverter.ToInt32(code, at),
                    method.DeclaringType!.GetGenericArguments(), method.IsGenericMethod ? method.GetGenericArguments() : null)!);
            }

            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }

        return calls;
    }
}
