using CsCheck;
using Mdf.Training;

namespace Mdf.Tests.Training;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void A_constant_rate_stays()
    {
        var schedule = new LearningRateSchedule(5e-4, new ConstantDecay(), 10);
        Assert.All(Enumerable.Range(0, 11), iteration => Assert.Equal(5e-4, schedule.At(iteration)));
    }

    [Fact]
    public void A_step_decay_multiplies_the_rate_once_as_many_iterations_were_made_as_a_milestone_says()
    {
        var schedule = new LearningRateSchedule(1, new StepDecay { Milestones = [3, 5], Factor = 0.5 }, 8);
        Assert.Equal([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25], Enumerable.Range(0, 9).Select(schedule.At));
    }

    [Fact]
    public void A_cosine_starts_at_the_rate_is_half_way_in_the_middle_and_ends_where_it_is_told()
    {
        var schedule = new LearningRateSchedule(1, new CosineDecay { FinalRate = 0.2 }, 100);
        Assert.Equal(1, schedule.At(0));
        Assert.Equal(0.6, schedule.At(50), 1e-15);
        Assert.Equal(0.2, schedule.At(100));
        Assert.Equal(0.2 + (0.8 * (1 + Math.Sqrt(0.5)) / 2), schedule.At(25), 1e-15); // cos 45° = √½
    }

    [Fact]
    public void A_warm_up_rises_in_a_straight_line_to_where_the_decay_begins()
    {
        var schedule = new LearningRateSchedule(1, new CosineDecay { FinalRate = 0 }, 104, warmup: 4);
        Assert.Equal([0.2, 0.4, 0.6, 0.8, 1], Enumerable.Range(0, 5).Select(schedule.At));
        Assert.Equal(0.5, schedule.At(54), 1e-15);
        Assert.Equal(0, schedule.At(104), 1e-15);
    }

    [Fact]
    public void Rates_rise_in_the_warm_up_never_rise_afterwards_and_stay_between_the_final_and_the_highest_rate()
    {
        var plans =
            from iterations in Gen.Int[1, 300]
            from warmup in Gen.Int[0, iterations - 1]
            from rate in Gen.Double[1e-8, 1]
            from milestones in Gen.Int[warmup + 1, Math.Max(warmup + 1, iterations - 1)].Array[1, 4]
            from decay in Gen.OneOf<LearningRateDecay>(
                new ConstantDecay(),
                new CosineDecay { FinalRate = rate / 10 },
                warmup + 1 < iterations ? new StepDecay { Milestones = [.. milestones.Distinct().Order()], Factor = 0.3 } : new ConstantDecay())
            select (Rate: rate, Warmup: warmup, Rates: Enumerable.Range(0, iterations + 1).Select(new LearningRateSchedule(rate, decay, iterations, warmup).At).ToArray());
        plans.Sample(plan =>
        {
            var steps = plan.Rates.Zip(plan.Rates.Skip(1), (before, after) => after - before).ToArray();
            Assert.All(steps[..plan.Warmup], step => Assert.Equal(plan.Rate / (plan.Warmup + 1), step, plan.Rate * 1e-12));
            Assert.Equal(plan.Rate, plan.Rates[plan.Warmup], plan.Rate * 1e-12);
            Assert.All(steps[plan.Warmup..], step => Assert.True(step <= plan.Rate * 1e-12));
            Assert.All(plan.Rates, rate => Assert.InRange(rate, 0, plan.Rate * (1 + 1e-12)));
        }, iter: 200);
    }

    [Fact]
    public void A_schedule_that_cannot_be_followed_is_refused()
    {
        var constant = new ConstantDecay();
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(0, constant, 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(double.NaN, constant, 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(double.PositiveInfinity, constant, 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(1, constant, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(1, constant, 10, warmup: 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(1, constant, 10, warmup: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(1e-7, new CosineDecay(), 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(1, new StepDecay { Milestones = [10] }, 10));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LearningRateSchedule(1, new StepDecay { Milestones = [3] }, 10, warmup: 3));
        Assert.Throws<ArgumentException>(() => new StepDecay { Milestones = [] });
        Assert.Throws<ArgumentException>(() => new StepDecay { Milestones = [3, 3] });
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepDecay { Milestones = [3], Factor = 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineDecay { FinalRate = -1 });
        var schedule = new LearningRateSchedule(1, constant, 10);
        Assert.Throws<ArgumentOutOfRangeException>(() => schedule.At(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => schedule.At(11));
    }
}
