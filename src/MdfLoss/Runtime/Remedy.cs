namespace Mdf.Runtime;

/// <summary>
/// A way to repair a mistake that a program can offer its user. The library says in its message what to do, and names no option: the program adds its own.
/// </summary>
internal enum Remedy
{
    /// <summary>Download the pretrained weights of a loss, or add a file of them. The subject is their name.</summary>
    FetchWeights,

    /// <summary>Add a file of pretrained weights.</summary>
    AddWeights,

    /// <summary>Compute on the processor.</summary>
    UseProcessor,

    /// <summary>Load a plugin.</summary>
    LoadPlugin,

    /// <summary>Convert the weights file to the current format.</summary>
    Convert,

    /// <summary>Name the network of another project's weights.</summary>
    NameNetwork,

    /// <summary>Name no network: the file records its own.</summary>
    OmitNetwork,

    /// <summary>Name the task of another project's network.</summary>
    NameTask,

    /// <summary>Type the command of an external program; no file can name one.</summary>
    TypeTask,

    /// <summary>Give the folder of the distorted files.</summary>
    GiveDistorted,

    /// <summary>Give the parameters of NIQE.</summary>
    GiveNiqe,

    /// <summary>Name a measure.</summary>
    NameMeasure,

    /// <summary>Give an external program more time.</summary>
    MoreTime,

    /// <summary>Start a run instead of resuming one.</summary>
    StartRun,

    /// <summary>Resume the run.</summary>
    Resume,

    /// <summary>Resume the run, or use another folder.</summary>
    ResumeOrMoveRun,

    /// <summary>Use another folder for the run.</summary>
    MoveRun,

    /// <summary>Use another folder for the run, or extend the run.</summary>
    MoveOrExtendRun,

    /// <summary>Resume the run without extending it.</summary>
    OmitExtension,

    /// <summary>Train for more iterations from the start.</summary>
    MoreIterations,

    /// <summary>Replace the results that exist, or keep them.</summary>
    ReplaceOrKeep,

    /// <summary>Give the names of results a suffix.</summary>
    AddSuffix,

    /// <summary>Give the names of results no suffix.</summary>
    OmitSuffix,

    /// <summary>Keep the extensions of the images in the names of results.</summary>
    KeepExtensions,

    /// <summary>Do not keep the extensions of the images in the names of results.</summary>
    OmitKeptExtensions,
}
