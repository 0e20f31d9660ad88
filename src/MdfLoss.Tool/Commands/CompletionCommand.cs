using System.CommandLine;
using Mdf.Runtime;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf completion bash</c>: a script that lets the shell complete commands and options.</summary>
/// <remarks>The script calls the program with System.CommandLine's directive <c>[suggest:position]</c>. If there is no suggestion, the shell completes file names.</remarks>
internal sealed class CompletionCommand : MdfCommand
{
    private static readonly OrderedDictionary<string, string> s_scripts = new()
    {
        ["bash"] = """
            # Completion of mdf for bash. In ~/.bashrc: eval "$(mdf completion bash)"
            _mdf() {
              local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]}
              COMPREPLY=($(compgen -W "$(mdf "[suggest:$COMP_POINT]" "$COMP_LINE" 2> /dev/null)" -- "$word"))
            }
            complete -o default -F _mdf mdf
            """,
        ["zsh"] = """
            # Completion of mdf for zsh. In ~/.zshrc, after compinit: eval "$(mdf completion zsh)"
            _mdf() {
              local line="${words[*]}"
              local -a found
              found=("${(@f)$(mdf "[suggest:${#line}]" "$line" 2> /dev/null)}")
              if [[ -n "${found[1]}" ]]; then compadd -a found; else _files; fi
            }
            compdef _mdf mdf
            """,
        ["fish"] = """
            # Completion of mdf for fish. In ~/.config/fish/config.fish: mdf completion fish | source
            complete -c mdf -a '(mdf "[suggest:"(commandline -C)"]" (commandline -cp) 2> /dev/null)'
            """,
        ["pwsh"] = """
            # Completion of mdf for PowerShell. In $PROFILE: mdf completion pwsh | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName mdf -ScriptBlock {
              param($word, $line, $cursor)
              mdf "[suggest:$cursor]" "$line" 2> $null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
            }
            """,
    };

    private readonly Argument<string> _shell = new("shell")
    {
        Description = $"the shell: {string.Join(", ", s_scripts.Keys)}",
        CustomParser = TextParser.From(text => s_scripts.ContainsKey(text)
            ? text
            : throw new InputException($"unknown shell {Untrusted.Quote(text)}: expected one of {string.Join(", ", s_scripts.Keys)}")),
    };

    public CompletionCommand()
        : base(
            "completion",
            "Prints a script that lets the shell complete commands and options.",
            new Example("completion bash", "for ~/.bashrc: eval \"$(mdf completion bash)\""),
            new Example("completion pwsh", "for $PROFILE: mdf completion pwsh | Out-String | Invoke-Expression"))
    {
        _shell.CompletionSources.Add([.. s_scripts.Keys]);
        Arguments.Add(_shell);
    }

    public override int Run(CommandContext context)
    {
        var shell = context.Get(_shell);
        context.Result(new { Shell = shell, Script = s_scripts[shell] }, terminal => terminal.WriteLine(s_scripts[shell]));
        return CommandLine.Success;
    }
}
