using Mdf.Training;

namespace Mdf.Tests.Training;

public sealed class NetworkTrainingOptionsTests
{
    [Fact]
    public void Settings_out_of_range_are_refused_where_they_are_set()
    {
        var schedule = new ScheduleOptions { Iterations = 1 };
        Action[] mistakes =
        [
            () => _ = new NetworkTrainingOptions { Schedule = schedule, CheckpointEvery = 0 },
            () => _ = new SamplingOptions { Patch = 15 },
            () => _ = new SamplingOptions { Patch = 2049 },
            () => _ = new SamplingOptions { Reduce = 0 },
            () => _ = schedule with { Iterations = 0 },
            () => _ = schedule with { Batch = 0 },
            () => _ = schedule with { Batch = 4097 },
            () => _ = schedule with { LearningRate = double.NaN },
            () => _ = schedule with { Warmup = -1 },
            () => _ = schedule with { ClipGradient = 0 },
            () => _ = schedule with { Ema = 1 },
            () => _ = schedule with { Betas = (0.9, 1) },
            () => _ = schedule with { Betas = (-0.1, 0.9) },
            () => _ = new ValidationOptions { Every = 0 },
            () => _ = new ValidationOptions { Images = -1 },
        ];
        Assert.All(mistakes, mistake => Assert.Contains("expected", Assert.Throws<ArgumentOutOfRangeException>(mistake).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_learning_rate_follows_the_schedule()
    {
        var options = new ScheduleOptions { Iterations = 10, LearningRate = 1, Warmup = 3, Decay = new StepDecay { Milestones = [6] } };
        Assert.Equal((0.25, 1, 0.5), (options.PlanLearningRate().At(0), options.PlanLearningRate().At(5), options.PlanLearningRate().At(6)));
        Assert.Throws<ArgumentOutOfRangeException>((options with { Warmup = 6 }).PlanLearningRate);
    }
}
