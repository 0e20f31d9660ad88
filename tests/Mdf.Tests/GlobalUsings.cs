global using Xunit;
global using static Mdf.Tests.TestRandom;
