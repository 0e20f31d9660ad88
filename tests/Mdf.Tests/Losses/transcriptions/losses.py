"""Losses as their papers define them, in float64, for the values in TranscribedLossTests.cs. Written for mdf, without its code.

    python3 tests/Mdf.Tests/Losses/transcriptions/losses.py      # PyTorch 1.13 or later

Prints, for each loss: its value, the length of its gradient, and the gradient's product with a fixed direction.
"""
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
HEIGHT, WIDTH = 80, 97


def image(which):
    """Image 0 is the reference, image 1 the restored one, image 2 a direction. All have a closed form."""
    c, y, x = torch.meshgrid(torch.arange(3.0), torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij")
    reference = 0.5 + 0.3 * torch.sin(0.11 * (c + 1) * y + 0.07 * x) + 0.15 * torch.cos(0.023 * x * y + c)
    direction = torch.sin(1.3 * y + 0.7 * x + 2 * c) + 0.3 * torch.sin(0.9 * x * y + c)
    return [reference, reference + 0.05 * direction + 0.01 * torch.cos(0.19 * x + c), direction][which][None]


def gradient(x, y):
    d = x - y
    return (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()


def chroma(x, y):
    def cb_cr(i):
        r, g, b = i[:, 0], i[:, 1], i[:, 2]
        luma = 0.299 * r + 0.587 * g + 0.114 * b
        return torch.stack([(b - luma) / 1.772, (r - luma) / 1.402])
    return (cb_cr(x) - cb_cr(y)).abs().mean()


def focal_frequency(x, y, alpha):
    f = torch.fft.fft2(x, norm="ortho") - torch.fft.fft2(y, norm="ortho")
    weight = f.detach().abs() ** alpha
    return (weight / weight.amax((2, 3), keepdim=True) * (f.real ** 2 + f.imag ** 2)).mean()


def ms_ssim_l1(x, y):
    def window(sigma):  # 33 wide for all, zero beyond 4 sigma
        t = torch.arange(-16.0, 17.0)
        g = torch.exp(-t * t / (2 * sigma * sigma)) * (t.abs() <= 4 * sigma)
        g = g / g.sum()
        return (g[:, None] * g)[None, None].expand(3, 1, 33, 33)
    similarity = 1
    for sigma in (0.5, 1, 2, 4, 8):
        blur = lambda i: F.conv2d(i, window(sigma), groups=3)
        mx, my = blur(x), blur(y)
        similarity = similarity * (2 * (blur(x * y) - mx * my) + 0.03 ** 2) / (blur(x * x) - mx * mx + blur(y * y) - my * my + 0.03 ** 2)
    similarity = similarity * (2 * mx * my + 0.01 ** 2) / (mx * mx + my * my + 0.01 ** 2)
    return (0.84 * (1 - similarity) + 0.16 * blur((x - y).abs())).mean()


def similarity(a, b, c):
    return (2 * a * b + c) / (a * a + b * b + c)


def fsim(x, y, colour):
    epsilon = 1e-4
    yiq = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    x, y = (torch.einsum("kc,nchw->nkhw", yiq, 255 * i) for i in (x, y))

    def frequencies(n):
        return torch.fft.ifftshift((torch.arange(float(n)) - n // 2) / (n - n % 2))
    across, down = torch.meshgrid(frequencies(HEIGHT), frequencies(WIDTH), indexing="ij")  # exchanged, as in piq
    radius, angle = (across ** 2 + down ** 2).sqrt(), torch.atan2(-down, across)
    radius[0, 0] = 1
    filters = torch.zeros(4, 4, HEIGHT, WIDTH)  # orientation, scale
    for s in range(4):
        radial = torch.exp(-torch.log(radius * 6 * 2 ** s) ** 2 / (2 * math.log(0.55) ** 2)) / (1 + (radius / 0.45) ** 30)
        radial[0, 0] = 0
        for o in range(4):
            turned = angle - o * math.pi / 4
            spread = torch.atan2(turned.sin(), turned.cos()) ** 2 / (2 * (math.pi / 4 / 1.2) ** 2)
            filters[o, s] = radial * torch.exp(-spread)
    in_space = torch.fft.ifft2(filters).real * math.sqrt(HEIGHT * WIDTH)
    squares = (in_space ** 2).sum((1, 2, 3))
    products = sum((in_space[:, i] * in_space[:, j]).sum((1, 2)) for i in range(4) for j in range(i + 1, 4))
    finest = (filters[:, 0] ** 2).sum((1, 2))

    def congruency(luma):
        e = torch.fft.ifft2(torch.fft.fft2(luma)[:, :, None] * filters)
        even, odd = e.real, e.imag
        amplitude = (even ** 2 + odd ** 2 + epsilon ** 2).sqrt()
        se, so = even.sum(2, keepdim=True), odd.sum(2, keepdim=True)
        length = (se ** 2 + so ** 2 + epsilon ** 2).sqrt()
        me, mo = se / length, so / length
        energy = (even * me + odd * mo - (even * mo - odd * me).abs()).sum(2)
        median = (even[:, :, 0] ** 2 + odd[:, :, 0] ** 2).flatten(2).median(2)[0] + epsilon ** 2
        power = median / math.log(2) / finest
        tau = (power * squares + 2 * power * products).sqrt()
        noise = (tau * math.sqrt(math.pi / 2) + 2 * tau * math.sqrt(2 - math.pi / 2)) / 1.7
        energy = (energy - noise[:, :, None, None]).clamp(min=0)
        return (energy.sum(1) / (amplitude.sum((1, 2)) + epsilon))[:, None]

    def magnitude(luma):
        k = torch.tensor([[-3.0, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 16
        return ((F.conv2d(luma, torch.stack([k, k.t()])[:, None], padding=1) ** 2).sum(1, keepdim=True) + epsilon ** 2).sqrt()

    px, py = congruency(x[:, :1]), congruency(y[:, :1])
    s = similarity(px, py, 0.85) * similarity(magnitude(x[:, :1]), magnitude(y[:, :1]), 160)
    if colour:
        p = similarity(x[:, 1:2], y[:, 1:2], 200) * similarity(x[:, 2:], y[:, 2:], 200)
        s = s * ((p * p + 1e-14) / (1 + 1e-14)) ** 0.015
    weight = torch.maximum(px, py)
    return 1 - ((s * weight).sum() + epsilon) / (weight.sum() + epsilon)


def halved(i):
    i = torch.einsum("kc,nchw->nkhw", torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]), i)
    return F.avg_pool2d(F.pad(i, [0, WIDTH % 2, 0, HEIGHT % 2]), 2)


def gmsd(x, y):
    def magnitude(luma):
        k = torch.tensor([[-1.0, 0, 1]] * 3) / 3
        return ((F.conv2d(luma, torch.stack([k, k.t()])[:, None], padding=1) ** 2).sum(1) + 1e-12).sqrt()
    variance = similarity(magnitude(halved(x)[:, :1]), magnitude(halved(y)[:, :1]), 170 / 255 ** 2).var(unbiased=False)
    return (variance + 1e-14).sqrt() - 1e-7


def haarpsi(x, y):
    def coefficients(i):
        luma = []
        for size in (2, 4, 8):
            k = torch.ones(size, size) / size
            k[size // 2:] *= -1
            padded = F.pad(255 * halved(i)[:, :1], [size // 2 - 1, size // 2] * 2)
            luma.append(F.conv2d(padded, torch.stack([k, k.t()])[:, None]).abs())
        colour = F.avg_pool2d(F.pad(255 * halved(i)[:, 1:], [0, 1, 0, 1]), 2, 1).abs()
        return luma, colour
    (x, x_colour), (y, y_colour) = coefficients(x), coefficients(y)
    weight = torch.maximum(x[2], y[2])
    weight = torch.cat([weight, weight.mean(1, keepdim=True)], 1)
    local = torch.cat([
        (similarity(x[0], y[0], 30) + similarity(x[1], y[1], 30)) / 2,
        similarity(x_colour, y_colour, 30).mean(1, keepdim=True)], 1)
    return 1 - (torch.logit(((4.2 * local).sigmoid() * weight).sum() / weight.sum()) / 4.2) ** 2


def flip(x, y, pixels_per_degree):
    to_xyz = torch.tensor([
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382]])
    to_xyz = to_xyz / to_xyz.sum(1, keepdim=True)  # white is 1, 1, 1
    combine = lambda matrix, i: torch.einsum("kc,nchw->nkhw", matrix, i)

    def filtered(i, *windows):
        r = windows[0].shape[-1] // 2
        return F.conv2d(F.pad(i, [r] * 4, mode="replicate"), torch.stack(windows)[:, None], groups=i.shape[1])

    def sensitivity(*terms):
        r = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi ** 2)) * pixels_per_degree)
        t = torch.arange(-r, r + 1.0) / pixels_per_degree
        k = sum(a * math.sqrt(math.pi / b) * torch.exp(-math.pi ** 2 * (t[:, None] ** 2 + t ** 2) / b) for a, b in terms)
        return k / k.sum()

    def hunt_lab(linear):
        i = combine(to_xyz, linear)
        bend = 6 / 29
        fx, fy, fz = torch.where(i > bend ** 3, i.clamp(min=bend ** 3) ** (1 / 3), i / (3 * bend ** 2) + 4 / 29).unbind(1)
        lightness = 116 * fy - 16
        return lightness, 0.01 * lightness * 500 * (fx - fy), 0.01 * lightness * 200 * (fy - fz)

    def hyab(p, q):
        return (p[0] - q[0]).abs() + ((p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2).sqrt()

    def opponent(i):
        linear = torch.where(i > 0.04045, ((i.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, i / 12.92)
        a, b, c = combine(to_xyz, linear).unbind(1)
        return torch.stack([116 * b - 16, 500 * (a - b), 200 * (b - c)], 1)

    def seen(i):
        i = filtered(i, sensitivity((1, 0.0047)), sensitivity((1, 0.0053)), sensitivity((34.1, 0.04), (13.5, 0.025)))
        b = (i[:, 0] + 16) / 116
        xyz = torch.stack([b + i[:, 1] / 500, b, b - i[:, 2] / 200], 1)
        return hunt_lab(combine(torch.linalg.inv(to_xyz), xyz).clamp(0, 1))

    deviation = 0.5 * 0.082 * pixels_per_degree
    t = torch.arange(-math.ceil(3 * deviation), math.ceil(3 * deviation) + 1.0)
    gaussian = torch.exp(-(t[:, None] ** 2 + t ** 2) / (2 * deviation ** 2))

    def feature(i, window):
        window = torch.where(window < 0, -window / window[window < 0].sum(), window / window[window > 0].sum())
        luminance = ((i[:, :1] + 16) / 116).expand(-1, 2, -1, -1)
        return (filtered(luminance, window, window.t()) ** 2).sum(1).sqrt()

    x, y = opponent(x), opponent(y)
    largest = hyab(hunt_lab(torch.tensor([0.0, 1, 0]).view(1, 3, 1, 1)), hunt_lab(torch.tensor([0.0, 0, 1]).view(1, 3, 1, 1))) ** 0.7
    colour, bend = hyab(seen(x), seen(y)) ** 0.7, 0.4 * largest
    colour = torch.where(colour < bend, 0.95 / bend * colour, 0.95 + (colour - bend) / (largest - bend) * 0.05)
    edges, points = ((feature(x, w) - feature(y, w)).abs() for w in (-t * gaussian, (t * t / deviation ** 2 - 1) * gaussian))
    return (colour ** (1 - (torch.maximum(edges, points) / math.sqrt(2)) ** 0.5)).mean()


LOSSES = {
    "gradient": gradient,
    "chroma": chroma,
    "focal-frequency": lambda x, y: focal_frequency(x, y, 1),
    "focal-frequency?alpha=0.5": lambda x, y: focal_frequency(x, y, 0.5),
    "ms-ssim-l1": ms_ssim_l1,
    "gmsd": gmsd,
    "haarpsi": haarpsi,
    "flip": lambda x, y: flip(x, y, 0.7 * 3840 / 0.7 * math.pi / 180),
    "flip?ppd=30": lambda x, y: flip(x, y, 30),
    "fsim": lambda x, y: fsim(x, y, False),
    "fsimc": lambda x, y: fsim(x, y, True),
}

for name, loss in LOSSES.items():
    restored = image(1).requires_grad_(True)
    value = loss(restored, image(0))
    value.backward()
    print(f'    [InlineData("{name}", {value.item():.12g}, {restored.grad.norm().item():.10g}, {(restored.grad * image(2)).sum().item():.10g})]')
