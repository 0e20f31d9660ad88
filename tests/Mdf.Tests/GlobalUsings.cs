global using Xunit;
global using static Mdf.Tests.TestRandom;
global using static Mdf.Tests.TestTensors;
